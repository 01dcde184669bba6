"""The metrics of a run: every module of this package is a family, and whatever is registered in one is measured.

Adding a metric is adding one decorated function; nothing else has to know of it.
"""

from __future__ import annotations

import math
import pkgutil
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING

from gatebench.analysis.columns import is_any, values_of
from gatebench.analysis.metrics.registry import (
    Measured,
    Metric,
    OutageMetric,
    RowsMetric,
    Scope,
    registered,
    unknown,
    worst,
)
from gatebench.analysis.windows import TRANSITION
from gatebench.run.summary import MetricValue

if TYPE_CHECKING:
    from gatebench.analysis.tables import RunTables


@cache
def metrics() -> Mapping[str, RowsMetric | OutageMetric]:
    """Return every metric by name; loads the families at the first call."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return dict(sorted(registered().items()))


def known_metrics() -> tuple[str, ...]:
    """Return the names that a check may use."""
    return tuple(metrics())


def measure(tables: RunTables, only: Collection[str] | None = None) -> list[MetricValue]:
    """Return every metric, or those called as in `only`, in every scope it has: the run, each phase, each route where there
    are several.
    """
    wanted = [entry for entry in metrics().values() if only is None or entry.name in only]
    found: dict[str, list[MetricValue]] = {entry.name: [] for entry in wanted}
    of_rows = sorted((entry for entry in wanted if isinstance(entry, RowsMetric)), key=_family)
    for scope in _scopes(tables):  # one after the other, for what metrics of a scope read is read once
        for entry in of_rows:
            if len(tables.plan.lanes) > 1 or not entry.paired:
                found[entry.name] += _of_scope(entry, scope)
    for of_outages in wanted:
        if isinstance(of_outages, OutageMetric) and tables.plan.faults:
            found[of_outages.name] += _of_outages(of_outages, tables)
    return [value for values in found.values() for value in values]


def _family(entry: RowsMetric) -> str:
    """Return where a metric is defined: those of one family read the same columns, and are measured one after the other."""
    return getattr(entry.function, "func", entry.function).__module__


def _scopes(tables: RunTables) -> Iterator[Scope]:
    """Yield the run first, then its phases, then the same for each route of a mix; warm-up is no scope."""
    phases = [window.name for window in tables.windows if window.role != "warmup"]
    routes = tables.routes
    for route in (None, *(routes if len(routes) > 1 else ())):
        rows = tables.load if route is None else tables.load[is_any(values_of(tables.load, "route"), (route,))]
        yield Scope(tables, rows, None, route)
        for phase in (*phases, TRANSITION):
            inside = rows[is_any(values_of(rows, "label"), (phase,))]
            if len(inside):
                yield Scope(tables, inside, phase, route)


def _of_scope(entry: RowsMetric, scope: Scope) -> Iterator[MetricValue]:
    measured = _guarded(partial(entry.function, scope))
    narrowed = scope.phase is not None or scope.route is not None
    if not (narrowed and entry.quiet and measured.n == 0):
        yield value(entry, measured, scope.phase, scope.route)


def _of_outages(entry: OutageMetric, tables: RunTables) -> Iterator[MetricValue]:
    if not tables.outages:
        yield value(entry, unknown("no fault of the plan was applied"), None, None)
        return
    measured = [_guarded(partial(entry.function, tables, outage)) for outage in tables.outages]
    yield value(entry, worst(measured, entry.better), None, None)
    if len(measured) > 1:
        for outage, one in zip(tables.outages, measured, strict=True):
            yield value(entry, one, outage.phase, None)


def _guarded(measurement: Callable[[], Measured]) -> Measured:
    """Return the measurement, or unknown when it raises: one broken metric does not take the others with it."""
    try:
        return measurement()
    except Exception as error:
        return unknown(f"the metric itself failed with {type(error).__name__}: {error}. This is a defect of gatebench")


def value(entry: Metric, measured: Measured, phase: str | None, route: str | None) -> MetricValue:
    """Return what was measured as it stands in summary.json; ends that the data cannot show are null."""
    shown, judged = measured.shown, measured.judged
    return MetricValue(
        name=entry.name,
        title=entry.title,
        unit=entry.unit,
        better=entry.better,
        phase=phase,
        route=route,
        status=measured.status,
        value=measured.value,
        low=_finite(shown.low) if shown else None,
        high=_finite(shown.high) if shown else None,
        judged_low=_finite(judged.low) if judged else None,
        judged_high=_finite(judged.high) if judged else None,
        confidence=measured.confidence,
        n=measured.n,
        why=measured.why,
    )


def _finite(end: float) -> float | None:
    return end if math.isfinite(end) else None
