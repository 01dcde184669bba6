"""What a metric is: a named function of a run's tables, with its unit, its better direction and its definition.

Register where you define: `@metric(unit="ms", better="lower", title="…")` above the function, in any module of this
package. There are two shapes: a metric of rows is asked for the run, each phase and each route; a metric of an outage
(`@outage_metric`) is asked for each outage that the faults made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar

from gatebench.analysis.windows import Outage
from gatebench.stats import Interval

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.analysis.tables import RunTables

_Found = TypeVar("_Found")
Better = Literal["lower", "higher", "neither"]
Judged = Literal["interval", "exact"]


@dataclass(frozen=True)
class Scope:
    """The headline rows that a metric of rows is asked about; phase and route are None when they do not narrow it."""

    tables: RunTables
    rows: pd.DataFrame = field(repr=False)
    phase: str | None = None
    route: str | None = None
    _number: int = field(default_factory=count().__next__, init=False, repr=False, compare=False)

    def kept(self, key: object, find: Callable[[], _Found]) -> _Found:
        """Return what several metrics of this scope need: found by the first that asks, and kept as long as there is room."""
        return self.tables.kept((self._number, key), find)


@dataclass(frozen=True)
class Measured:
    """What a metric found. `shown` is its 95 % interval, `judged` the one that checks use; None where it has none."""

    status: Literal["known", "unknown", "censored"]
    value: float | None = None
    n: int = 0
    shown: Interval | None = None
    judged: Interval | None = None
    confidence: float | None = None
    why: str = ""


def known(
    value: float,
    n: int,
    *,
    shown: Interval | None = None,
    judged: Interval | None = None,
    confidence: float | None = None,
    why: str = "",
) -> Measured:
    """A number, and what it rests on; without `judged` a check uses the shown interval."""
    return Measured("known", value, n, shown, judged or shown, confidence, why)


def unknown(why: str, n: int = 0) -> Measured:
    """No number, and the reason in words; never 0."""
    return Measured("unknown", n=n, why=why)


def censored(least: float, why: str, n: int = 0) -> Measured:
    """A moment that was not reached: all that is known is that it is above `least`."""
    return Measured("censored", least, n, why=why)


RowsFunction = Callable[[Scope], Measured]
OutageFunction: TypeAlias = "Callable[[RunTables, Outage], Measured]"
Offenders: TypeAlias = "Callable[[Scope], pd.DataFrame]"
_Function = TypeVar("_Function", bound=Callable[..., object])


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A registered metric.

    `judged` says whether a check needs its interval or its exact value; `offenders` picks the rows that show why a
    check on it failed, the worst first.
    """

    name: str
    title: str
    unit: str
    better: Better
    definition: str
    judged: Judged = "interval"
    offenders: Offenders | None = None


@dataclass(frozen=True, kw_only=True)
class RowsMetric(Metric):
    """A metric of rows; a `quiet` one is left out of phases and routes in which nothing of its kind happened.

    A `paired` one compares lanes: a run that has but one does not have it.
    """

    function: RowsFunction
    quiet: bool = False
    paired: bool = False


@dataclass(frozen=True, kw_only=True)
class OutageMetric(Metric):
    """A metric of an outage."""

    function: OutageFunction


_REGISTERED: Final[dict[str, RowsMetric | OutageMetric]] = {}


def register(entry: RowsMetric | OutageMetric) -> None:
    """Add a metric; two of one name are a defect of the code."""
    if entry.name in _REGISTERED:
        raise ValueError(f'two metrics are called "{entry.name}"; give each its own name')
    _REGISTERED[entry.name] = entry


def registered() -> dict[str, RowsMetric | OutageMetric]:
    """Return the metrics that are registered, by name."""
    return dict(_REGISTERED)


def metric(
    *,
    unit: str,
    better: Better,
    title: str,
    judged: Judged = "interval",
    offenders: Offenders | None = None,
    quiet: bool = False,
) -> Callable[[RowsFunction], RowsFunction]:
    """Register a metric of rows under the function's name; its docstring is the definition."""
    return _registering(
        RowsMetric, unit=unit, better=better, title=title, judged=judged, offenders=offenders, quiet=quiet
    )


def outage_metric(
    *, unit: str, better: Better, title: str, judged: Judged = "interval", offenders: Offenders | None = None
) -> Callable[[OutageFunction], OutageFunction]:
    """Register a metric of an outage under the function's name; its docstring is the definition."""
    return _registering(OutageMetric, unit=unit, better=better, title=title, judged=judged, offenders=offenders)


def _registering(kind: Callable[..., RowsMetric | OutageMetric], **facts: Any) -> Callable[[_Function], _Function]:
    def decorate(function: _Function) -> _Function:
        register(kind(name=function.__name__, definition=definition(function), function=function, **facts))
        return function

    return decorate


def definition(function: Callable[..., object]) -> str:
    """Return a docstring as one line of text."""
    return " ".join((function.__doc__ or "").split())


def worst(found: Sequence[Measured], better: Better) -> Measured:
    """Return the measurement that speaks for several outages: an unknown one, else a censored one, else the worst."""
    for status in ("unknown", "censored"):
        of_status = [one for one in found if one.status == status]
        if of_status:
            return max(of_status, key=lambda one: one.value if one.value is not None else -math.inf)
    sign = -1.0 if better == "higher" else 1.0
    return max(found, key=lambda one: sign * (one.value or 0.0))
