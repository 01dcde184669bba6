"""What a shell may complete: names of scenarios and targets. Found by their files' names; nothing is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gatebench.content import Content


def scenarios(incomplete: str) -> list[str]:
    """Return the scenarios that begin so, and the Python files beside us: a locustfile may be named too."""
    files = [path.name for path in Path().glob("*.py")]
    return [name for name in (*_content().scenario_names(), *files) if name.startswith(incomplete)]


def suites(incomplete: str) -> list[str]:
    """Return the suites that begin so."""
    return [name for name in _content().suite_names() if name.startswith(incomplete)]


def targets(incomplete: str) -> list[str]:
    """Return the targets that begin so, and what `bench up` left standing."""
    from gatebench.execution.standing import state_folder

    standing = [f"up:{path.stem}" for path in state_folder().glob("*.json")]
    return [name for name in (*_content().target_names(), *standing) if name.startswith(incomplete)]


def faults(incomplete: str) -> list[str]:
    """Return the faults that begin so."""
    return [name for name in _content().fault_names() if name.startswith(incomplete)]


def plans(incomplete: str) -> list[str]:
    """Return the fault plans that begin so."""
    return [name for name in _content().plan_names() if name.startswith(incomplete)]


def desks(incomplete: str) -> list[str]:
    """Return what runs or stands and takes faults."""
    from gatebench.execution.desk_state import desks as all_desks

    return [desk.name for desk in all_desks() if desk.name.startswith(incomplete)]


def _content() -> Content:
    from gatebench.content import Content

    return Content()
