"""Puts every figure of overhead beside its noise floor, and says which cannot be told from it (`measurement.md` 17)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gatebench.analysis.metrics.overhead import TIMES, metric_name, pairs
from gatebench.analysis.metrics.registry import Scope
from gatebench.analysis.tables import RunTables
from gatebench.run.summary import MetricValue, OverheadLine
from gatebench.sample import TARGET


def overhead_lines(tables: RunTables, values: Sequence[MetricValue]) -> list[OverheadLine]:
    """Return a line for each estimate of the whole run; none when the run has no control lanes.

    Streams make lines of their own only where there are streams.
    """
    of_run = {value.name: value for value in values if value.phase is None and value.route is None}
    lines = []
    for what, (prefix, *_, estimates) in TIMES.items() if len(tables.plan.lanes) > 1 else ():
        left_out = pairs(Scope(tables, tables.load), what, TARGET).left_out
        for estimate in estimates:
            value = of_run.get(metric_name(what, estimate))
            if value is not None and not (prefix and value.n + left_out == 0):
                lines.append(_line(value, of_run.get(metric_name(what, estimate, floor=True)), left_out))
    return lines


def _line(value: MetricValue, floor: MetricValue | None, left_out: int) -> OverheadLine:
    both = [one for one in (value, floor) if one is not None]
    return OverheadLine(
        metric=value.name,
        title=value.title,
        unit=value.unit,
        pairs=value.n,
        left_out=left_out,
        value=value.value,
        low=value.low,
        high=value.high,
        floor=floor.value if floor else None,
        floor_low=floor.low if floor else None,
        floor_high=floor.high if floor else None,
        distinguishable=distinguishable(value, floor),
        why="; ".join(dict.fromkeys(one.why for one in both if one.status == "unknown")),
    )


def distinguishable(value: MetricValue, floor: MetricValue | None) -> bool | None:
    """Tell whether a difference is more than noise: its whole interval lies beyond the end of the floor's interval that is
    further from 0, on either side. None when either interval is not known.
    """
    if floor is None:
        return None
    ends = value.low, value.high, floor.low, floor.high
    if any(end is None for end in ends):
        return None
    low, high, floor_low, floor_high = (end or 0.0 for end in ends)
    reach = max(abs(floor_low), abs(floor_high))
    return low > reach or high < -reach


def under_the_floor(lines: Sequence[OverheadLine]) -> Iterator[str]:
    """Yield one warning that names the figures which the harness's own noise could have made."""
    lost = [line for line in lines if line.distinguishable is False]
    if lost:
        named = ", ".join(f"{line.metric} {line.value:.3f} {line.unit}" for line in lost)
        yield (
            f"Not distinguishable from the harness's own noise: {named}. Two equal paths past the gateway differ as much. "
            "A longer run or a quieter machine lowers the floor."
        )
