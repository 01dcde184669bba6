"""Three pull requests to the repository of a small gateway, and what `bench gate` says to each.

Usage: python docs/demos/gate-sample/sample.py OUT [slower] [innocent] [noisy]. Makes the repository in OUT/shop, with a branch for each
change, checks each branch out and calls `bench gate --markdown …` in it, as a CI does. Takes two to four minutes a branch; do
nothing else meanwhile. The exit codes are to be 1, 0 and 4.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

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


def gate(repository: Path, branch: str, *more: str) -> int:
    """Gate a branch as its pull request would be; return the exit code of `bench gate`."""
    git(repository, "checkout", "--quiet", branch)
    files = ["--markdown", f"{repository.parent / branch}.md", "--junit", f"{repository.parent / branch}.xml"]
    command = [str(BENCH), "gate", *files, *more]
    return subprocess.run(command, cwd=repository, check=False).returncode


def main() -> int:
    """Make the repository if it is not there, gate each branch, and say whether the exit codes are those that they should be."""
    out, branches = Path(sys.argv[1]).resolve(), sys.argv[2:] or list(CHANGES)
    if not (out / "shop").is_dir():
        make(out / "shop")
    wrong = 0
    for branch in branches:
        code, wanted = gate(out / "shop", branch), CHANGES[branch][0]
        sys.stdout.write(f"{branch}: exit code {code}, expected {wanted}\n")
        wrong += code != wanted
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
