"""A git ref of the user's own repository in a folder of its own, built there, and taken away however the gate ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import jinja2

from gatebench.content import LoadedTarget
from gatebench.errors import ConfigurationError, EnvironmentFailure, Problem
from gatebench.execution.leash import Leashed
from gatebench.units import duration_s

_GIT_S: Final = 120.0
_TAIL: Final = 15
_OF_A_HOOK: Final = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
)


def commit_of(workspace: Path, ref: str) -> str | None:
    """Return the commit that `ref` names in the workspace's repository; None when there is none of either."""
    done = _git(workspace, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    return done.stdout.strip() or None if done is not None and done.returncode == 0 else None


def repository_of(workspace: Path) -> Path | None:
    """Return the root of the repository that the workspace lies in."""
    done = _git(workspace, "rev-parse", "--show-toplevel")
    return Path(done.stdout.strip()) if done is not None and done.returncode == 0 and done.stdout.strip() else None


@contextlib.contextmanager
def checked_out(workspace: Path, commit: str) -> Iterator[tuple[Path, Path]]:
    """Check `commit` out into a temporary folder; yields (root of the checkout, the workspace's own place in it).

    `git worktree` shares the objects of the repository and touches neither its files nor its branch. The folder and git's
    note of it are removed in the end. EnvironmentFailure when git cannot do it.
    """
    repository = repository_of(workspace)
    if repository is None:
        raise EnvironmentFailure(f"{workspace} does not lie in a git repository.")
    above = Path(tempfile.mkdtemp(prefix=f"gatebench-{commit[:12]}-"))
    root = above / repository.name
    try:
        done = _git(repository, "worktree", "add", "--detach", "--force", str(root), commit)
        if done is None or done.returncode != 0:
            said = done.stderr.splitlines()[-_TAIL:] if done is not None else [f"no answer within {_GIT_S:g} s"]
            raise EnvironmentFailure(f"git could not check out {commit[:12]}.", said)
        yield root, root / workspace.resolve().relative_to(repository.resolve())
    finally:
        _git(repository, "worktree", "remove", "--force", "--force", str(root))
        shutil.rmtree(above, ignore_errors=True)
        _git(repository, "worktree", "prune")


def build_problems(loaded: LoadedTarget, root: Path) -> list[Problem]:
    """Return what is wrong with the target's build command, without running it."""
    try:
        _words(loaded, root)
    except ConfigurationError as error:
        return list(error.problems)
    return []


def build(loaded: LoadedTarget, root: Path, log: Path) -> None:
    """Run the target's build command at the root of its checkout, bounded, its output in `log`; nothing without one.

    EnvironmentFailure, with the last lines, when it fails or takes too long; whatever it started is ended with it.
    """
    if loaded.definition.build is None:
        return
    command, within_s = _words(loaded, root), duration_s(loaded.definition.build.within)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        try:
            building = Leashed(command, root, output, _environment())
        except OSError as error:
            raise EnvironmentFailure(
                f"The build of {loaded.name} did not start: {command[0]}: {error.strerror}."
            ) from None
        try:
            code: int | None = building.process.wait(timeout=within_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            building.end()
    if code != 0:
        why = f"took longer than {loaded.definition.build.within}" if code is None else f"ended with exit code {code}"
        raise EnvironmentFailure(f"The build of {loaded.name} {why}; its output is in {log}.", _tail(log))


def _words(loaded: LoadedTarget, root: Path) -> list[str]:
    build_ = loaded.definition.build
    if build_ is None:
        return []
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701 - a command, not HTML
    values: Mapping[str, Any] = {
        "root": str(root),
        "folder": str(loaded.folder),
        "here": str(loaded.own),
        "python": sys.executable,
        "settings": loaded.definition.settings,
    }
    try:
        return [environment.from_string(word).render(values) for word in build_.command]
    except jinja2.TemplateError as error:
        what = f"the build command does not render: {error}."
        cure = f"It may name {', '.join(values)}."
        raise ConfigurationError([Problem(f"targets/{loaded.name}/target.toml", what, cure)]) from None


def _tail(log: Path) -> list[str]:
    with log.open(encoding="utf-8", errors="replace") as lines:
        return [line.rstrip("\n")[:400] for line in deque(lines, _TAIL)]


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[str] | None:
    """Run git in a folder; None when it is not there or does not answer."""
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            timeout=_GIT_S,
            stdin=subprocess.DEVNULL,
            env={**_environment(), "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def _environment() -> dict[str, str]:
    """Return our environment without what git sets for a hook: it would name another working tree."""
    return {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
