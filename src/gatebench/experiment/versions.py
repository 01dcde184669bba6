"""Two versions of one target: a folder, an image, an address, or a git ref of the user's own repository."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from gatebench.content import Content
from gatebench.errors import Problem
from gatebench.experiment.checkout import commit_of

Kind = Literal["as it stands", "folder", "image", "url", "git"]
IMAGE: Final = "image"
"""The setting of a target that an image is put into: its command hands it to Docker."""

_DOCKER_S: Final = 10.0
_CURE: Final = (
    "Write a folder with a target.toml, image:NAME, http://HOST:PORT, or a branch, tag or commit of this repository."
)


@dataclass(frozen=True)
class Version:
    """One side of a gate. `target` is what `bench run --target` would be asked for; `said` is the version in words.

    `targets` is another targets folder that goes before the workspace's own; `commit` is what a git ref names.
    """

    label: str
    target: str
    kind: Kind = "as it stands"
    said: str = ""
    targets: Path | None = None
    commit: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The side in words, as tables and sentences name it: the target, its version, its own settings."""
        settings = ", ".join(f"{key}={value}" for key, value in self.settings.items() if key != IMAGE)
        return self.target + (f", {self.said}" if self.said else "") + (f" with {settings}" if settings else "")


class SideContent(Content):
    """The content of a workspace, in which one targets folder goes before all others."""

    def __init__(self, workspace: Path, targets: Path | None = None) -> None:
        super().__init__(workspace)
        self._targets = targets

    def folders(self, kind: str) -> tuple[Path, ...]:
        """Return the folders of `kind`, that of the version first."""
        known = super().folders(kind)
        return (self._targets, *known) if kind == "targets" and self._targets is not None else known


@dataclass(frozen=True)
class Asked:
    """A version as it was asked for: `text` is what stands behind --base-version or --head-version, None the target as it stands."""

    label: str
    target: str
    text: str | None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def option(self) -> str:
        """What was written, for sentences about it."""
        return f"--{self.label}-version {self.text}"

    def version(self, kind: Kind, said: str, **facts: Any) -> Version:
        """Return it as the version that it turned out to be."""
        return Version(
            **{"label": self.label, "target": self.target, "settings": self.settings, **facts}, kind=kind, said=said
        )


def read_version(asked: Asked, workspace: Path, problems: list[Problem]) -> Version | None:
    """Return the version that was asked for; `problems` says why there is none.

    `folder:`, `image:` and `git:` in front say what it is; without them it is what it can be found to be.
    """
    if asked.text is None:
        return asked.version("as it stands", "")
    if re.match(r"https?://|unix:", asked.text):
        return asked.version("url", "", target=asked.text)
    kind, _, rest = asked.text.partition(":")
    if kind not in {"folder", "image", "git"} or not rest:
        kind, rest = "", asked.text
    if kind == "image":
        return _image(asked, rest, problems)
    if kind == "folder" or (not kind and Path(rest).is_dir()):
        return _folder(asked, Path(rest), problems)
    return _ref(asked, rest, workspace, problems)


def _folder(asked: Asked, path: Path, problems: list[Problem]) -> Version | None:
    """Return a version that is a target folder, or a folder of targets that has one of this name."""
    name, _, profile = asked.target.partition(":")
    if (path / "target.toml").is_file():
        own = path.resolve()
        target = own.name + (f":{profile}" if profile else "")
        return asked.version("folder", str(path), target=target, targets=own.parent)
    if (path / name / "target.toml").is_file():
        return asked.version("folder", str(path), targets=path.resolve())
    problems.append(Problem(asked.option, f"holds no target.toml, and no {name}/target.toml.", _CURE))
    return None


def _ref(asked: Asked, ref: str, workspace: Path, problems: list[Problem]) -> Version | None:
    if re.match(r"https?:|unix:|up:", asked.target):
        cure = "Name a target folder with --target."
        problems.append(Problem(asked.option, f"{asked.target} is no target of a repository.", cure))
        return None
    commit = commit_of(workspace, ref)
    if commit is None:
        problems.append(Problem(asked.option, "is no folder here and no ref of a git repository here.", _CURE))
        return None
    return asked.version("git", commit[:12] if commit.startswith(ref) else f"{ref} ({commit[:12]})", commit=commit)


def _image(asked: Asked, image: str, problems: list[Problem]) -> Version | None:
    """Return a version that is an image: the target's setting `image`, which its command hands to Docker."""
    if not docker_answers():
        cure = "Start it, or name a folder or a git ref instead."
        problems.append(Problem(asked.option, "an image needs Docker, and no Docker daemon answers here.", cure))
        return None
    return asked.version("image", image, settings={**asked.settings, IMAGE: image})


def docker_answers() -> bool:
    """Return whether a Docker daemon is there."""
    command = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_DOCKER_S, stdin=subprocess.DEVNULL, check=False, text=True
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and bool(done.stdout.strip())
