"""The flags that were in force, and which answers can be held against them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from gatebench.analysis.columns import values_of
from gatebench.faults import FLAGS
from gatebench.flags import Flags, weights

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.analysis.tables import RunTables

SETTLING_NS: Final = 2_000_000_000
"""So long after a change of flags answers are held against neither the old nor the new ones ..."""
LEAD_NS: Final = 500_000_000
"""... and so long before it: a phase begins a moment before its flags are set."""
NOBODY_CHANGED: Final = -1
_SMALL: Final = 128


@dataclass(frozen=True)
class Change:
    """Flags that were in force in [start, end), nanoseconds from the start of the load."""

    flags: Flags
    start_ns: int
    end_ns: int


def changes(tables: RunTables) -> tuple[Change, ...]:
    """Return the changes of flags that were made, in order of time."""
    end_ns = tables.end_ns
    found = [
        Change(
            Flags.of(fault.planned.parameters),
            fault.acknowledged_ns,
            end_ns if fault.cleared_ns is None else fault.cleared_ns,
        )
        for fault in tables.faults
        if fault.planned.definition.mechanism == FLAGS and fault.acknowledged_ns is not None
    ]
    return tuple(sorted(found, key=lambda change: change.start_ns))


def in_force(tables: RunTables, rows: pd.DataFrame) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return for each row the number of the change in force when it was due (-1 for none), and whether flags had settled."""
    made = changes(tables)
    number: npt.NDArray[Any] = np.full(len(rows), NOBODY_CHANGED, np.int8 if len(made) < _SMALL else np.int64)
    settled: npt.NDArray[np.bool_] = np.ones(len(rows), np.bool_)
    if not made:
        return number, settled
    due_ns = values_of(rows, "due_ns") - tables.start_ns
    for place, change in enumerate(made):
        number[(due_ns >= change.start_ns) & (due_ns < change.end_ns)] = place
        for edge_ns in (change.start_ns, change.end_ns):
            settled &= ~((due_ns >= edge_ns - LEAD_NS) & (due_ns < edge_ns + SETTLING_NS))
    return number, settled


def configured(tables: RunTables) -> dict[str, float]:
    """Return the weights that the target declares; everything for the first provider where it orders them. Raises ValueError."""
    declared = tables.plan.declared.get("routing", {})
    if declared.get("kind") not in ("weighted", "sticky"):
        return {}
    return weights(str(declared.get("weights", "") or ""))


def weights_under(tables: RunTables, flags: Flags | None) -> Mapping[str, float]:
    """Return the weights that are in force under these flags, None for the target's own; empty when nothing says. Raises ValueError."""
    if flags is not None and flags.rollback:
        return {tables.plan.providers[0].name: 1.0}
    return (flags.weights if flags is not None else None) or configured(tables)
