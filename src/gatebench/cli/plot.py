"""Draws a schedule in a terminal: requests per second over time, with the phases below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from gatebench.plan import PlannedFault, PlannedPhase

WIDTH = 64
HEIGHT = 7
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_NS_PER_S = 1_000_000_000


def rates_per_s(due_ns: Sequence[int], duration_ns: int, columns: int = WIDTH) -> list[float]:
    """Return the arrivals per second in each of `columns` equal parts of the run."""
    counts = [0] * columns
    for due in due_ns:
        counts[min(columns - 1, due * columns // duration_ns)] += 1
    width_s = duration_ns / columns / _NS_PER_S
    return [count / width_s for count in counts]


def plot(due_ns: Sequence[int], duration_ns: int, phases: Sequence[PlannedPhase]) -> list[Text]:
    """Return the lines of a bar plot, 80 columns wide; characters alone carry it, colour only helps."""
    rates = rates_per_s(due_ns, duration_ns)
    top = _nice(max(rates, default=0.0))
    lines = []
    for row in reversed(range(HEIGHT)):
        label = f"{top * (row + 1) / HEIGHT:>9.4g} " if row in {HEIGHT - 1, HEIGHT // 2} else " " * 10
        label = f"{0:>9} " if row == 0 else label
        bars = "".join(_EIGHTHS[_eighths(rate / top * HEIGHT - row)] for rate in rates) if top else ""
        lines.append(Text.assemble((label, "dim"), "│", (bars, "cyan")))
    lines.append(Text.assemble((f"{'1/s':>9} ", "dim"), "└", _axis(duration_ns, phases)))
    lines.append(Text.assemble(" " * 11, (_names(duration_ns, phases), "dim")))
    lines.append(Text.assemble(" " * 11, (_seconds(duration_ns, phases), "dim")))
    return lines


def timeline(faults: Sequence[PlannedFault], duration_ns: int) -> list[Text]:
    """Return a line for each fault and place, in which a block stands wherever it is on; a ramp rises or falls."""
    rows: dict[str, list[PlannedFault]] = {}
    for fault in faults:
        rows.setdefault(f"{fault.name} on {fault.on}", []).append(fault)
    lines = []
    for name, windows in rows.items():
        bar = [" "] * WIDTH
        for fault in windows:
            first, last = _column(fault.start_ns, duration_ns), _column(fault.end_ns - 1, duration_ns)
            for column in range(first, last + 1):
                bar[column] = _level(fault, (column + 0.5) / WIDTH * duration_ns)
        spans = ", ".join(f"{fault.start_ns / _NS_PER_S:.4g}–{fault.end_ns / _NS_PER_S:.4g} s" for fault in windows[:3])
        more = f" and {len(windows) - 3} more" if len(windows) > 3 else ""
        lines.append(Text.assemble(" " * 11, (name, "bold"), (f"  {spans}{more}", "dim")))
        lines.append(Text.assemble(" " * 10, "│", ("".join(bar), "red")))
    return lines


def _level(fault: PlannedFault, at_ns: float) -> str:
    """Return the character of a fault at a moment: full, or for a ramp as high as the parameter is between its ends."""
    if not fault.steps:
        return "█"
    (name,) = [key for key, value in fault.steps[0].parameters.items() if value != fault.steps[-1].parameters[key]] or [
        ""
    ]
    values = [float(step.parameters.get(name, 1)) for step in fault.steps]
    now = sum(step.at_ns <= at_ns for step in fault.steps)
    low, high = min(values), max(values)
    share = (values[max(0, now - 1)] - low) / (high - low) if high > low else 1.0
    return _EIGHTHS[1 + round(7 * share)]


def _eighths(part: float) -> int:
    """Return how many eighths of one character a bar fills; something is always more than nothing."""
    if part <= 0:
        return 0
    return min(8, max(1, round(part * 8)))


def _nice(highest: float) -> float:
    """Return a round number at or above `highest`: 1, 2 or 5 times a power of ten."""
    if highest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 7.5, 10) if step * power >= highest - 1e-9)


def _column(at_ns: int, duration_ns: int) -> int:
    return min(WIDTH - 1, at_ns * WIDTH // duration_ns)


def _axis(duration_ns: int, phases: Sequence[PlannedPhase]) -> str:
    marks = {_column(phase.start_ns, duration_ns) for phase in phases[1:]}
    return "".join("┴" if column in marks else "─" for column in range(WIDTH))


def _names(duration_ns: int, phases: Sequence[PlannedPhase]) -> str:
    return _labels([(_column(phase.start_ns, duration_ns), phase.name) for phase in phases])


def _seconds(duration_ns: int, phases: Sequence[PlannedPhase]) -> str:
    edges = [phase.start_ns for phase in phases]
    places = [(_column(at_ns, duration_ns), f"{at_ns / _NS_PER_S:g} s") for at_ns in edges]
    last = f"{duration_ns / _NS_PER_S:g} s"
    return _labels([*places, (WIDTH - len(last), last)])


def _labels(places: Sequence[tuple[int, str]]) -> str:
    """Write labels from their columns on; one that would touch the one before it is left out or cut."""
    line = [" "] * WIDTH
    free = 0
    for place, (column, label) in enumerate(places):
        end = places[place + 1][0] - 1 if place + 1 < len(places) else WIDTH
        if column < free:
            continue
        room = label[: max(0, min(end, WIDTH) - column)]
        if len(room) < len(label) and len(room) < 4:
            continue
        line[column : column + len(room)] = room
        free = column + len(room) + 1
    return "".join(line).rstrip()
