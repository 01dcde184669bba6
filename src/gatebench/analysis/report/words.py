"""How numbers read on the page: three significant digits, units, and never a rounding that claims more than was measured."""

from __future__ import annotations

import math
import re
from typing import Final

THIN: Final = "\u202f"
HARD: Final = "\u00a0"
MINUS: Final = "\u2212"
_COUNTED: Final = ("requests", "attempts", "answers", "rows", "probes")


def significant(value: float, digits: int = 3) -> str:
    """Return a measured `value` with at least `digits` significant digits, whole numbers never cut: 0.0421, 45.2, 1 234."""
    if not math.isfinite(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    places = 0 if value == 0 else max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return _grouped(f"{value:,.{min(places, 6)}f}")


def exact(value: float) -> str:
    """Return a `value` that somebody chose, without trailing zeros: 250, 0.5, 1 234."""
    return _grouped(f"{value:,.6f}".rstrip("0").rstrip("."))


def _grouped(text: str) -> str:
    negative = text.startswith("-") and any(digit in text for digit in "123456789")
    return (MINUS if negative else "") + text.lstrip("-").replace(",", THIN)


def count(value: float) -> str:
    """Return a count: 6 549."""
    return _grouped(f"{round(value):,}")


def percent(share: float) -> str:
    """Return a share as a percentage; what is not quite all never reads 100 %, what is not quite nothing never 0 %."""
    if share in (0, 1):
        return f"{share * 100:.0f}{THIN}%"
    for places in range(2, 7):
        text = f"{share * 100:.{places}f}"
        if float(text) not in (0, 100):
            break
    return f"{_grouped(text)}{THIN}%"


def seconds(value: float) -> str:
    """Return a measured time given in seconds, in milliseconds below one second."""
    if value != 0 and abs(value) < 1:
        return milliseconds(value * 1000)
    return f"{significant(value)}{THIN}s"


def milliseconds(value: float) -> str:
    """Return a measured time given in milliseconds."""
    return f"{significant(value)}{THIN}ms"


def duration(value_s: float) -> str:
    """Return a time that somebody chose, given in seconds: 250 ms, 10 s."""
    if value_s != 0 and abs(value_s) < 1:
        return f"{exact(value_s * 1000)}{THIN}ms"
    return f"{exact(value_s)}{THIN}s"


def moment(value_s: float) -> str:
    """Return a moment of the run, seconds from the start of the load, to the millisecond."""
    return f"{_grouped(f'{value_s:,.3f}')}{THIN}s"


def quantity(value: float, unit: str) -> str:
    """Return a measured `value` in `unit`, as a reader of that unit expects it."""
    plain = {"ms": milliseconds, "s": seconds, "share": percent, "": significant, **dict.fromkeys(_COUNTED, count)}
    if unit in plain:
        return plain[unit](value)
    return f"{significant(value)}{_suffix(unit)}"


def bound(value: float, unit: str) -> str:
    """Return a `value` that somebody chose in `unit`."""
    if unit in ("s", "ms"):
        return duration(value if unit == "s" else value / 1000)
    if unit == "share":
        return f"{exact(value * 100)}{THIN}%"
    return exact(value) if unit in ("", *_COUNTED) else f"{exact(value)}{_suffix(unit)}"


def _suffix(unit: str) -> str:
    return {"1/s": "/s", "ratio": f"{THIN}×"}.get(unit, f"{THIN}{unit}")


def interval(low: float, high: float, unit: str) -> str:
    """Return an interval with its unit named once: 45.7–46.6 ms."""
    if unit == "s" and 0 < max(abs(low), abs(high)) < 1:
        low, high, unit = low * 1000, high * 1000, "ms"
    text, last = quantity(low, unit), quantity(high, unit)
    if THIN in last and text.rpartition(THIN)[2] == last.rpartition(THIN)[2] and not last[-1].isdigit():
        text = text.rpartition(THIN)[0]
    return f"{text.removesuffix('/s') if last.endswith('/s') else text}–{last}"


def tied(text: str) -> str:
    """Return prose in which no number is parted from its unit at the end of a line."""
    return re.sub(r"(?<=\d) (?=(ms|µs|s|min|%)(?!\w))", HARD, text)
