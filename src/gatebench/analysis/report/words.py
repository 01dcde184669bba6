"""How numbers read on the page: three significant digits, units, and never a rounding that claims more than was measured."""

from __future__ import annotations

import math

THIN = "\u202f"
MINUS = "\u2212"


def significant(value: float, digits: int = 3) -> str:
    """Return `value` with at least `digits` significant digits, whole numbers never cut: 0.0421, 45.2, 1 234."""
    if not math.isfinite(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    places = 0 if value == 0 else max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{abs(value):,.{min(places, 6)}f}".replace(",", THIN)
    return (MINUS if value < 0 and float(f"{value:.{min(places, 6)}f}") != 0 else "") + text


def count(value: float) -> str:
    """Return a count: 6 549."""
    return f"{round(value):,}".replace(",", THIN)


def percent(share: float) -> str:
    """Return a share as a percentage; what is not quite all never reads 100 %, what is not quite nothing never 0 %."""
    if share in (0, 1):
        return f"{share * 100:.0f}{THIN}%"
    for places in range(2, 7):
        text = f"{share * 100:.{places}f}"
        if float(text) not in (0, 100):
            break
    return f"{text.replace('-', MINUS)}{THIN}%"


def seconds(value: float) -> str:
    """Return a time given in seconds, in milliseconds below one second."""
    if value != 0 and abs(value) < 1:
        return milliseconds(value * 1000)
    return f"{significant(value)}{THIN}s"


def milliseconds(value: float) -> str:
    """Return a time given in milliseconds."""
    return f"{significant(value)}{THIN}ms"


def moment(value: float | None) -> str:
    """Return a moment of the run, seconds from the start of the load, to the millisecond; "–" for none."""
    if value is None:
        return "–"
    return f"{value:.3f}{THIN}s".replace("-", MINUS)


def quantity(value: float, unit: str) -> str:
    """Return `value` in `unit`, as a reader of that unit expects it."""
    plain = {"ms": milliseconds, "s": seconds, "share": percent, "requests": count, "attempts": count, "": significant}
    if unit in plain:
        return plain[unit](value)
    if unit == "%":
        return percent(value / 100)
    return f"{significant(value)}{THIN}{unit}"
