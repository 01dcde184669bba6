"""The amounts of a gate as people read them: values with units, changes with their sign, intervals, what is tolerated."""

from __future__ import annotations

import math

from gatebench.comparing.judging import LineVerdict


def number(value: float | None, unit: str) -> str:
    """Return a number with its unit, four digits at most; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    if unit == "share":
        return f"{value * 100:.3g} %"
    if unit == "µs" and abs(value) >= 1000:
        value, unit = value / 1000, "ms"
    text = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{text} {unit}".strip()


def change(line: LineVerdict) -> str:
    """Return by how much head differs from base, with its sign: +5.2 % or +0.31 ms; a plus is more, not worse."""
    return "–" if line.worse is None else _amount(line, line.worse)


def interval(line: LineVerdict) -> str:
    """Return both ends of the interval of the change, the lower first."""
    if line.low is None or line.high is None or not math.isfinite(line.low + line.high):
        return "–"
    ends = sorted((_signed(line, line.low), _signed(line, line.high)))
    low, high = (_shown(line, end) for end in ends)
    unit = _unit(line)
    return f"{low} to {high}{f' {unit}' if unit else ''}"


def tolerated(line: LineVerdict) -> str:
    """Return what is tolerated, with the direction that counts: +5 %, or -5 % where more is better."""
    if line.margin is None:
        tolerance = line.measure.tolerance
        sign = 1 if line.measure.better == "lower" else -1
        if tolerance.relative is not None:
            return f"{sign * tolerance.relative * 100:+.3g} %"
        scale = 100 if line.measure.unit == "share" else 1
        return f"{sign * (tolerance.absolute or 0) * scale:+.3g} {_unit(line)}".strip()
    return _amount(line, line.margin).replace(".0 %", " %")


def _amount(line: LineVerdict, worse: float) -> str:
    unit = _unit(line)
    return f"{_shown(line, _signed(line, worse))}{f' {unit}' if unit else ''}"


def _signed(line: LineVerdict, worse: float) -> float:
    """Return an amount of `worse` as a change of the value: in percent, in percentage points, or in the unit."""
    step = worse if line.measure.better == "lower" else -worse
    if line.measure.relative:
        return math.expm1(step) * 100
    return step * 100 if line.measure.unit == "share" else step


def _shown(line: LineVerdict, amount: float) -> str:
    text = f"{amount:+.1f}" if line.measure.relative else f"{amount:+.3g}"
    return text.replace("-", "−") if float(text) else text.lstrip("+-")


def _unit(line: LineVerdict) -> str:
    if line.measure.relative:
        return "%"
    return "pp" if line.measure.unit == "share" else line.measure.unit
