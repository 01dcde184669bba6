"""What the server says of its own latency, by phase, beside what the client measured: words and numbers for a table."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gatebench.analysis.cpu import US_PER_S, target_cost
from gatebench.analysis.histograms import Estimate, Histogram, between, families, grown
from gatebench.analysis.report.figures import Figure, figure, find
from gatebench.analysis.report.words import count, interval, quantity
from gatebench.analysis.series import unheard
from gatebench.sample import NEVER

if TYPE_CHECKING:
    from gatebench.analysis.report.reading import Reading
    from gatebench.analysis.series import Source
    from gatebench.analysis.tables import RunTables
    from gatebench.analysis.windows import Window

MOST: Final = 8
"""So many histograms are shown, those that counted most."""
SHARES: Final = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
_OF_TIME: Final = re.compile(r"(?:^|_)(seconds?|duration|latency|time|ms|milliseconds|millis|microseconds)(?:_|$)")
_UNITS_MS: Final = {
    "microseconds": 0.001,
    "second": 1000.0,
    "seconds": 1000.0,
    "ms": 1.0,
    "millis": 1.0,
    "milliseconds": 1.0,
}
_OWN_CPU: Final = "process_cpu_seconds_total"


@dataclass(frozen=True)
class Row:
    """One histogram in one phase: `server` and `client` by name of the percentile, and `note` about the buckets."""

    family: str
    phase: str
    counted: str
    server: dict[str, Figure]
    client: dict[str, Figure]
    cpu: Figure
    note: str


def rows(reading: Reading) -> list[Row]:
    """Return the rows of every histogram of time on the gateway's own page, phase by phase; nothing without one."""
    tables, source = reading.tables, _page(reading)
    if tables is None or source is None:
        return []
    found = {family: buckets for family, buckets in families(source).items() if _OF_TIME.search(family)}
    windows = [window for window in tables.windows if window.role != "warmup" and window.end_ns > window.start_ns]
    cpu = {window.name: _cpu(tables, source, window) for window in windows}
    made: list[tuple[float, list[Row]]] = []
    for family, buckets in found.items():
        own = []
        total = 0.0
        for window in windows:
            start_ns, end_ns = window.start_ns + tables.start_ns, window.end_ns + tables.start_ns
            seen = between(source, family, buckets, start_ns, end_ns)
            if seen is None or seen.count <= 0:
                continue
            total += seen.count
            own.append(_row(reading, seen, window.name, cpu[window.name]))
        if own:
            made.append((total, own))
    made.sort(key=lambda one: (-one[0], one[1][0].family))
    return [row for _, own in made[:MOST] for row in own]


def left_out(reading: Reading) -> int:
    """Return how many histograms of time are not shown."""
    source = _page(reading)
    return max(0, sum(bool(_OF_TIME.search(family)) for family in families(source)) - MOST) if source else 0


def notes(reading: Reading) -> list[str]:
    """Return what came of listening, a sentence for each thing: how often, how often in vain and why, and what was cut."""
    found = []
    for source in reading.sources:
        heard = source.heard
        if heard.readings:
            times = "once" if heard.readings == 1 else f"at {count(heard.readings)} moments"
            vain = ", ".join(
                f"{count(times)} times {why}" if times > 1 else why for why, times in heard.failures.items()
            )
            found.append(
                f"{heard.source} was read {times} and has {count(heard.series)} series"
                + (f"; in vain: {vain}." if vain else ".")
            )
    return found + unheard(source.heard for source in reading.sources)


def _page(reading: Reading) -> Source | None:
    return next((source for source in reading.sources if source.is_page), None)


def _row(reading: Reading, seen: Histogram, phase: str, cpu: Figure) -> Row:
    unit_ms = next((_UNITS_MS[word] for word in re.split("_", seen.family) if word in _UNITS_MS), None)
    estimates = {name: seen.quantile(share) for name, share in SHARES}
    said = []
    coarse = [name for name, estimate in estimates.items() if estimate is not None and estimate.is_coarse]
    if coarse:
        said.append(f"buckets too coarse for {', '.join(coarse)}")
    if seen.parts > 1:
        said.append(f"{seen.parts} label sets together")
    if unit_ms is None:
        said.append("its name says no unit")
    client = {}
    for name, _ in SHARES:
        metric = find(reading.summary, f"service_{name}_ms", phase) if reading.summary else None
        client[name] = figure(metric)
    server = {name: _figure(estimate, unit_ms) for name, estimate in estimates.items()}
    return Row(seen.family, phase, count(seen.count), server, client, cpu, "; ".join(said))


def _figure(estimate: Estimate | None, unit_ms: float | None) -> Figure:
    """Return a percentile with its bucket beside it."""
    if estimate is None:
        return Figure("unknown", note="its buckets are none", status="unknown")
    scale, unit = (unit_ms, "ms") if unit_ms is not None else (1.0, "")
    if estimate.is_beyond:
        return Figure(f"> {quantity(estimate.low * scale, unit)}", status="censored")
    text = quantity(estimate.value * scale, unit)
    if math.isinf(estimate.low):
        return Figure(f"< {quantity(estimate.high * scale, unit)}", status="censored")
    return Figure(text, interval(estimate.low * scale, estimate.high * scale, unit))


def _cpu(tables: RunTables, source: Source, window: Window) -> Figure:
    """Return processor time a request: by the operating system, else by the page's own account of it."""
    cost = target_cost(tables, window.start_ns, window.end_ns)
    if cost.value is not None:
        low_high = interval(cost.shown.low, cost.shown.high, "µs") if cost.shown is not None else ""
        return Figure(quantity(cost.value, "µs"), low_high)
    line = source.lines.get(_OWN_CPU)
    if line is None:
        return Figure("unknown", note=cost.why, status="unknown")
    start_ns, end_ns = window.start_ns + tables.start_ns, window.end_ns + tables.start_ns
    inside = line.at_ns[(line.at_ns >= start_ns) & (line.at_ns <= end_ns)]
    sent_ns = tables.at_target["sent_ns"].to_numpy()
    sent_ns = sent_ns[sent_ns != NEVER]
    sent = int(((sent_ns >= inside[0]) & (sent_ns < inside[-1])).sum()) if len(inside) > 1 else 0
    if not sent:
        return Figure("unknown", note=cost.why, status="unknown")
    used_s = grown(line, int(inside[0]), int(inside[-1]))
    return Figure(quantity(used_s / sent * US_PER_S, "µs"), note="by its own account")
