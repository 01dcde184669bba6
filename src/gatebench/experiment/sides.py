"""Both sides of a gate, ready to be planned: refs checked out, and the scenario and the tolerances taken from the base."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gatebench.content import Content
from gatebench.errors import ConfigurationError, Problem
from gatebench.experiment.checkout import build, build_problems, checked_out
from gatebench.experiment.gate_table import GateTable, read_table
from gatebench.experiment.versions import SideContent, Version


@dataclass(frozen=True)
class Sides:
    """What each side is planned from: `contents` by label; `roots` are the checkouts of those that are git refs.

    `table` is the base's `[tool.gatebench.gate]`, where the base is a ref: a change that loosens its own tolerances is
    judged by those that held before (`measurement.md` 28).
    """

    versions: tuple[Version, Version]
    contents: Mapping[str, Content]
    roots: Mapping[str, Path]
    table: GateTable | None = None
    notes: tuple[str, ...] = ()

    def build(self, logs: Path, said: Callable[[str], None] = lambda text: None) -> None:
        """Build every side that is a git ref, its output below `logs`; EnvironmentFailure when that does not work."""
        for version in self.versions:
            root = self.roots.get(version.label)
            if root is None:
                continue
            loaded = self.contents[version.label].target(version.target.partition(":")[0])
            if loaded.definition.build is not None:
                said(f"building {version.label}, {version.said}")
                build(loaded, root, logs / f"build-{version.label}.log")


@contextlib.contextmanager
def standing_sides(
    base: Version,
    head: Version,
    scenario: str,
    workspace: Path,
    problems: list[Problem],
    *,
    on_teardown: Callable[[], None] = lambda: None,
) -> Iterator[Sides]:
    """Check out the versions that are refs, as long as they are needed; what is wrong with them goes to `problems`.

    `on_teardown` is called before they are removed, which nothing may cut short.
    """
    with contextlib.ExitStack() as stack:
        roots: dict[str, Path] = {}
        places: dict[str, Path] = {}
        for version in (base, head):
            if version.commit:
                roots[version.label], places[version.label] = stack.enter_context(
                    checked_out(workspace, version.commit)
                )
        stack.callback(on_teardown)
        asking, notes, table = workspace, [], None
        if base.label in places:
            own = places[base.label]
            table = read_table(own, problems)
            if scenario.replace("_", "-") in Content(own).scenario_names():
                asking = own
            else:
                notes.append(
                    f"base does not have the scenario {scenario} yet: the one of the working tree is put to both."
                )
        contents = {
            version.label: SideContent(asking, version.targets or places.get(version.label, workspace) / "targets")
            for version in (base, head)
        }
        sides = Sides((base, head), contents, roots, table, tuple(notes))
        for version in (base, head):
            if version.label in places:
                problems += _unfit(version, places[version.label], roots[version.label], contents[version.label])
        yield sides


def _unfit(version: Version, place: Path, root: Path, content: Content) -> list[Problem]:
    """Return what keeps a ref from being a version of its target."""
    name = version.target.partition(":")[0]
    if not (place / "targets" / name / "target.toml").is_file():
        what = f"{version.said} has no targets/{name}/target.toml."
        return [Problem(f"--{version.label}-version", what, "Name a ref that has it, or a folder.")]
    try:
        return build_problems(content.target(name), root)
    except ConfigurationError:
        return []  # planning says what is wrong with the file
