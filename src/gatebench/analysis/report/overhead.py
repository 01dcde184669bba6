"""Figures of overhead in words: small numbers with their sign, and an interval that keeps it."""

from __future__ import annotations

from markupsafe import Markup, escape

from gatebench.analysis.report.words import interval, quantity
from gatebench.run.summary import ProcessCost


def amount(value: float | None, low: float | None, high: float | None, unit: str = "ms") -> Markup:
    """Return a number with its interval in small print; "unknown" when there is none."""
    if value is None:
        return Markup("unknown")
    text = Markup('<span class="value">{}</span>').format(quantity(value, unit))
    if low is None or high is None:
        return text
    # Between numbers that may be negative a dash would read as a sign.
    ends = interval(low, high, unit) if low >= 0 else f"{quantity(low, unit)} to {quantity(high, unit)}"
    return text + Markup(' <small class="interval">{}</small>').format(escape(ends))


def cost(found: ProcessCost) -> Markup:
    """Return what a process used for a request."""
    return amount(found.value, found.low, found.high, "µs")
