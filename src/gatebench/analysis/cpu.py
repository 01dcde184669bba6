"""What every process of a run used of the processor for each request that passed through it.

Processor time is read once a second, of a process and its children together, to the tick of the operating system
(10 ms). So single seconds are coarse, and the figure is the time of all of them ÷ the requests of all of them; its
interval comes from blocks of seconds. What a process uses while idle is part of it: at a higher rate the same program
costs less for each request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from gatebench.analysis.breakers import asked_ns
from gatebench.analysis.columns import is_any, moments, numbers, values_of
from gatebench.analysis.tables import RunTables
from gatebench.run.summary import ProcessCost
from gatebench.stats import JUDGED, SHOWN, Floats, Interval, block_mean_interval

LEAST_SECONDS: Final = 10
US_PER_S: Final = 1e6
_LINKS: Final = "toxiproxy"
_LOAD: Final = "load-"
_CLIENTS: Final = ("docker", "podman")
"""Programs whose processor time is not that of what they run."""

Times: TypeAlias = npt.NDArray[np.int64]
Role = Literal["target", "provider", "links", "load", "other"]


@dataclass(frozen=True)
class Passing:
    """What passes through a process: in words, and when (nanoseconds from the start of the load, in ascending order), whole or in parts."""

    role: Role
    counted: str
    at_ns: tuple[Times, ...] = ()


def costs(tables: RunTables) -> list[ProcessCost]:
    """Return the cost of every process whose use was read, the target's first; nothing when nobody read it."""
    if tables.samples.empty:
        return []
    series = tables.series
    if series is None:
        return []  # damaged: the requests stand without it
    used = series[series["metric"] == "cpu_s"]
    measured = [window for window in tables.windows if window.role != "warmup"]
    if used.empty or not measured:
        return []
    start_ns, end_ns = measured[0].start_ns, measured[-1].end_ns
    found = []
    for name, rows in used.groupby("process", sort=True):
        at_ns, cpu_s = _readings(rows, tables.start_ns, start_ns, end_ns)
        found.append(_cost(str(name), at_ns, cpu_s, _passing(str(name), tables)))
    order = ("target", "links", "provider", "load", "other")
    return sorted(found, key=lambda cost: (order.index(cost.role), cost.process))


@dataclass(frozen=True)
class TargetCost:
    """Processor time a request of all processes of the target together, in µs; `value` None: `why` says what lacks."""

    value: float | None
    requests: int
    shown: Interval | None = None
    judged: Interval | None = None
    why: str = ""


def target_cost(tables: RunTables, start_ns: int, end_ns: int) -> TargetCost:
    """Return what the target used a request between two moments of the load.

    The sum over its processes, stores left out; the interval goes from the sum of the lower ends to that of the upper ones, for what
    one of them does in a second goes along with what the others do.
    """
    definition, series = tables.plan.target.definition, tables.series
    if definition is None or series is None or not definition.gateways:
        return TargetCost(None, 0, why="the target has no process of its own that could be read")
    boxed = [process.name for process in definition.gateways if Path(process.command[0]).name in _CLIENTS]
    if boxed:
        return TargetCost(None, 0, why=f"{', '.join(boxed)} runs in a container, and what was read is its client's")
    sent = _of_target(tables)
    values, shown, judged, requests = [], [], [], []
    for process in definition.gateways:
        rows = series[(series["metric"] == "cpu_s") & (series["process"] == process.name)]
        used_s, passed = _used(*_readings(rows, tables.start_ns, start_ns, end_ns), sent)
        if len(used_s) < LEAST_SECONDS:
            why = f"it takes {LEAST_SECONDS} readings of {process.name} a second apart; here are {len(used_s)}"
            return TargetCost(None, int(passed.sum()), why=why)
        if not passed.sum():
            return TargetCost(None, 0, why="no request was sent to it")
        values.append(float(used_s.sum() / passed.sum()))
        requests.append(int(passed.sum()))
        shown.append(ratio_interval(used_s, passed, SHOWN))
        judged.append(ratio_interval(used_s, passed, JUDGED))
    return TargetCost(sum(values) * US_PER_S, max(requests), _summed(shown), _summed(judged))


def _readings(rows: pd.DataFrame, zero_ns: int, start_ns: int, end_ns: int) -> tuple[Times, Floats]:
    """Return when a process was read between two moments of the load, and what it had used by then."""
    since_ns = rows["at_ns"] - zero_ns
    rows = rows[(since_ns >= start_ns) & (since_ns <= end_ns)].sort_values("at_ns")
    return rows["at_ns"].to_numpy(np.int64) - zero_ns, numbers(rows["value"])


def _summed(found: list[Interval]) -> Interval:
    return Interval(max(0.0, sum(one.low for one in found)) * US_PER_S, sum(one.high for one in found) * US_PER_S)


def _passing(name: str, tables: RunTables) -> Passing:
    """Return what passes through the process of that name."""
    definition = tables.plan.target.definition
    asked: Mapping[str, Callable[[], Passing]] = {
        **{process.name: lambda: _of_target(tables) for process in (definition.process if definition else ())},
        **{provider.name: lambda: _of_provider(name, tables) for provider in tables.plan.providers},
        _LINKS: lambda: _of_links(tables),
    }
    if name in asked:
        return asked[name]()
    for provider in tables.plan.providers:  # one of several processes behind a name: each passes its share
        if name in provider.process_names():
            return Passing("provider", f"a share of what {provider.name} passes")
    if name.startswith(_LOAD):
        return _of_load(name.removeprefix(_LOAD), tables)
    return Passing("other", "nobody counts what passes through it")


def _sent_ns(rows: pd.DataFrame, tables: RunTables) -> Times:
    return asked_ns(tables) if rows is tables.at_target else moments(values_of(rows, "sent_ns")) - tables.start_ns


def _arrived_ns(tables: RunTables, provider: str) -> Times:
    attempts = tables.attempts
    if attempts is None:
        return np.empty(0, np.int64)
    there = is_any(values_of(attempts, "provider"), (provider,))
    return moments(values_of(attempts, "arrived_ns")[there]) - tables.start_ns


def _of_target(tables: RunTables) -> Passing:
    return Passing("target", "requests sent to the target", (asked_ns(tables),))


def _of_provider(name: str, tables: RunTables) -> Passing:
    return Passing("provider", "attempts that arrived", (_arrived_ns(tables, name),))


def _of_links(tables: RunTables) -> Passing:
    """A request passes a front link once, and a provider's link with every attempt."""
    arrived = tuple(_arrived_ns(tables, provider.name) for provider in tables.plan.providers)
    return Passing("links", "passages of a link", (_sent_ns(tables.samples, tables), *arrived))


def _of_load(number: str, tables: RunTables) -> Passing:
    """A worker is asked for what it sent, the master of several for what all of them did."""
    rows = tables.samples
    if number.isdigit():
        rows = rows[values_of(rows, "worker") == int(number)]
    return Passing("load", "requests sent", (_sent_ns(rows, tables),))


def _cost(name: str, at_ns: Times, cpu_s: Floats, passing: Passing) -> ProcessCost:
    """Divide what was used between the first and the last reading by what passed between them."""
    used_s, requests = _used(at_ns, cpu_s, passing)
    total = int(requests.sum())
    cost = ProcessCost(
        process=name,
        role=passing.role,
        counted=passing.counted,
        status="unknown",
        cpu_s=round(float(used_s.sum()), 3),
        requests=total,
    )
    if total == 0:
        cost.why = "nothing that is counted passed through it"
        return cost
    cost.status, cost.value = "known", float(used_s.sum()) / total * US_PER_S
    if len(used_s) < LEAST_SECONDS:
        cost.why = f"an interval needs {LEAST_SECONDS} readings a second apart; here are {len(used_s)}"
        return cost
    ends = ratio_interval(used_s, requests, SHOWN)
    cost.low, cost.high, cost.confidence = max(0.0, ends.low * US_PER_S), ends.high * US_PER_S, SHOWN
    return cost


def _used(at_ns: Times, cpu_s: Floats, passing: Passing) -> tuple[Floats, Floats]:
    """Return what was used between neighbouring readings, and what passed; without those in which a child ended with its time."""
    used_s = np.diff(cpu_s)
    passed = sum((_between(moments_ns, at_ns) for moments_ns in passing.at_ns), np.zeros(len(used_s), np.int64))
    kept = used_s >= 0
    return used_s[kept], passed[kept].astype(np.float64)


def _between(moments_ns: Times, edges_ns: Times) -> Times:
    """Return how many moments, in ascending order, lie between neighbouring edges; those at the last edge are the last stretch's."""
    if len(edges_ns) < 2:
        return np.empty(0, np.int64)
    before = np.searchsorted(moments_ns, edges_ns)
    before[-1] = np.searchsorted(moments_ns, edges_ns[-1], side="right")
    return np.diff(before)


def ratio_interval(above: Floats, below: Floats, confidence: float) -> Interval:
    """Return the interval of Σ above ÷ Σ below over seconds, by linearisation: the residuals above - ratio · below have
    mean 0, and the ratio errs by theirs ÷ the mean of `below` (Cochran, "Sampling Techniques", 1977, ch. 6).
    """
    ratio, mean = float(above.sum() / below.sum()), float(below.mean())
    ends = block_mean_interval(above - ratio * below, confidence)
    return Interval(ratio + ends.low / mean, ratio + ends.high / mean)
