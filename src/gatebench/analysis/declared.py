"""What a target's mechanisms are set to, as numbers: what metrics hold the measured against. Not declared is None."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatebench.units import duration_s

if TYPE_CHECKING:
    from gatebench.analysis.tables import RunTables


def declared_number(tables: RunTables, family: str, role: str) -> float | None:
    """Return a declared count, rate or share; None when nobody declares it, or it is none."""
    value = tables.plan.declared.get(family, {}).get(role)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def declared_ns(tables: RunTables, family: str, role: str) -> int | None:
    """Return a declared duration in nanoseconds; None when nobody declares it, or it is 0, which switches things off."""
    value = tables.plan.declared.get(family, {}).get(role)
    if not isinstance(value, str):
        return None
    return round(duration_s(value) * 1e9) or None
