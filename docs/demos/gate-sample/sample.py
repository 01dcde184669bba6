"""Three pull requests to the repository of a small gateway, and what `bench gate` says to each.

Usage: python docs/demos/gate-sample/sample.py OUT [slower[=TIMES]] [innocent[=TIMES]] [noisy[=TIMES]]. Makes the repository in
OUT/shop, with a branch for each change, checks each branch out and calls `bench gate --markdown …` in it, as a CI does. Takes two to
four minutes a gate; do nothing else meanwhile. The exit codes are to be 1, 0 and 4.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from math import expm1
from pathlib import Path
from typing import Any, Final

HERE = Path(__file__).resolve().parent
BENCH = Path(sys.executable).parent / "bench"
OURS: Final = ("gateway", "targets", "scenarios", "pyproject.toml")
LOOK_UP: Final = "    await asyncio.sleep(LOOK_UP_S)\n"
CHANGES: Final = {
    "slower": (1, "Look the caller up again before the answer", {LOOK_UP: LOOK_UP + LOOK_UP}),
    "innocent": (0, "Name the header list for what it is", {"KEPT": "PASSED_ON"}),
    "noisy": (
        4,
        "Let each start choose how it looks callers up",
        {"LOOK_UP_S = 0.035": "LOOK_UP_S = random.choice([0.0, 0.07])", "import sys\n": "import random\nimport sys\n"},
    ),
}
"""By branch: the exit code that its gate is to have, the subject of its commit, and what it replaces in gateway.py."""


def git(repository: Path, *words: str) -> None:
    """Run git, as somebody whom no configuration knows."""
    who = {f"GIT_{role}_{fact}": value for role in ("AUTHOR", "COMMITTER") for fact, value in WHO.items()}
    command = ["git", "-C", str(repository), "-c", "commit.gpgsign=false", *words]
    subprocess.run(command, check=True, env={**os.environ, **who}, stdout=subprocess.DEVNULL)


WHO: Final = {"NAME": "Shop", "EMAIL": "shop@example.org"}


def make(repository: Path) -> None:
    """Make the repository: main, and a branch for each change."""
    repository.mkdir(parents=True)
    for name in OURS:
        source = HERE / name
        if source.is_dir():
            shutil.copytree(source, repository / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, repository / name)
    (repository / ".gitignore").write_text("runs/\n__pycache__/\n")
    git(repository, "init", "--quiet", "--initial-branch", "main")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "The shop's gateway")
    for branch, (_, subject, changes) in CHANGES.items():
        git(repository, "checkout", "--quiet", "-b", branch, "main")
        path = repository / "gateway" / "gateway.py"
        text = path.read_text()
        for old, new in changes.items():
            if old not in text:
                raise SystemExit(f"gateway.py has no {old!r} any more: {branch} would change nothing")
            text = text.replace(old, new)
        path.write_text(text)
        git(repository, "commit", "--quiet", "--all", "--message", subject)
    git(repository, "checkout", "--quiet", "main")


def gate(repository: Path, branch: str) -> dict[str, Any]:
    """Gate a branch as its pull request would be; return what `bench gate` says as data."""
    git(repository, "checkout", "--quiet", branch)
    files = ["--markdown", f"{repository.parent / branch}.md", "--junit", f"{repository.parent / branch}.xml"]
    command = [str(BENCH), "gate", "--json", *files]
    done = subprocess.run(command, cwd=repository, stdout=subprocess.PIPE, text=True, check=False)
    found: dict[str, Any] = json.loads(done.stdout)
    return {**found, "exit_code": done.returncode}


def sentence(branch: str, said: dict[str, Any]) -> str:
    """Return a line on one gate."""
    numbers = [line for line in said.get("lines", []) if line["scale"] == "log-ratio" and line["low"] is not None]
    changes = [
        f"{line['metric']} {expm1(line['worse']):+.1%} ({expm1(line['low']):+.1%} to {expm1(line['high']):+.1%}) {line['word']}"
        for line in numbers
    ]
    head = f"{branch}: exit code {said['exit_code']}, expected {CHANGES[branch][0]}"
    return f"{head}; {said.get('pairs')} of {said.get('pairs_planned')} pairs, {said.get('took_s') or 0:.0f} s; {'; '.join(changes)}\n"


def main() -> int:
    """Make the repository if it is not there, gate each branch, and say whether the exit codes are those that they should be."""
    out, branches = Path(sys.argv[1]).resolve(), sys.argv[2:] or list(CHANGES)
    if not (out / "shop").is_dir():
        make(out / "shop")
    wrong = 0
    for branch, _, times in (word.partition("=") for word in branches):
        for _ in range(int(times or 1)):
            said = gate(out / "shop", branch)
            sys.stdout.write(sentence(branch, said))
            sys.stdout.flush()
            wrong += said["exit_code"] != CHANGES[branch][0]
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
