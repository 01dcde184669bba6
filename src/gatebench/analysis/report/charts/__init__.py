"""The charts of a report, one file for what belongs together."""

from __future__ import annotations

from collections.abc import Callable

from gatebench.analysis.report.charts import (
    breaker,
    cache,
    closeup,
    harness,
    latency,
    limiter,
    outcomes,
    overhead,
    percentiles,
    providers,
    target,
)
from gatebench.analysis.report.charts.chart import Chart, NoChart
from gatebench.analysis.report.reading import Reading

Drawn = Chart | NoChart


def charts(reading: Reading) -> dict[str, Callable[[], list[Drawn]]]:
    """Return every chart by the name that a section asks for it; each is made when it is asked for."""
    tables, series = reading.tables, reading.series
    if tables is None or tables.samples.empty:
        return {}
    return {
        "latency": lambda: [latency.build(tables)],
        "outcomes": lambda: [outcomes.build(tables)],
        "served": lambda: [providers.served(tables)],
        "arrivals": lambda: [providers.arrivals(tables)],
        "percentiles": lambda: [percentiles.build(tables)],
        "closeup": lambda: list(closeup.build(tables)),
        "breaker": lambda: list(breaker.build(tables)),
        "limiter": lambda: limiter.build(tables),
        "cache": lambda: cache.build(tables),
        "overhead": lambda: [overhead.build(tables)],
        "dispatch": lambda: [harness.dispatch(tables)],
        "processes": lambda: [harness.processes(tables, series)],
        "target": lambda: target.processes(tables, series),
        "said": lambda: target.said(tables, reading.sources),
    }
