"""A schedule: when every arrival of a run is due, and for whom, where that is not drawn. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from gatebench.schedule.arrivals import NS_PER_S, DueTimes, due_times_ns
from gatebench.schedule.closed import Users
from gatebench.schedule.load import Mixed, Trace
from gatebench.schedule.locustfile import Locustfile
from gatebench.schedule.open import Load
from gatebench.schedule.trace_file import TraceRows

__all__ = ["DRAWN", "NS_PER_S", "DueTimes", "Schedule", "phase_of", "replayed", "schedule_of", "share"]

DRAWN: Final = -1
_NOT_SAID = np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class Schedule:
    """Due times (sorted, int64 nanoseconds from the start) and, where `said`, route, tenant and size of each arrival.

    Routes and tenants are positions in the traffic's names, sizes are bytes of the body; -1 is "drawn".
    """

    due_ns: DueTimes
    route: npt.NDArray[np.int64]
    tenant: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]

    @property
    def said(self) -> bool:
        """Whether anything but the due times is fixed."""
        return len(self.route) > 0

    @classmethod
    def of_times(cls, due_ns: DueTimes) -> Schedule:
        """A schedule that says nothing but when."""
        return cls(due_ns, _NOT_SAID, _NOT_SAID, _NOT_SAID)


def schedule_of(
    load: Load | Trace | Users | Mixed | Locustfile,
    duration_s: float,
    seed: int,
    *,
    routes: Sequence[str] = (),
    tenants: Sequence[str] = (),
    trace: Path | None = None,
) -> Schedule:
    """Return the schedule of `load` over `duration_s`; that of closed users is empty, because nothing of it is fixed.

    `routes` and `tenants` are the traffic's names, `trace` the rows of a trace as `TraceRows.write` left them.
    """
    if isinstance(load, Users | Locustfile):
        return Schedule.of_times(np.empty(0, np.int64))
    if isinstance(load, Trace):
        if trace is None:
            raise ValueError("a trace load needs its rows")
        return replayed(TraceRows.load(trace), load, duration_s)
    if isinstance(load, Load) and load.route is None and load.tenant is None:
        return Schedule.of_times(due_times_ns(load, duration_s, seed))
    parts = load.parts if isinstance(load, Mixed) else (load,)
    return _superposed(parts, duration_s, seed, routes, tenants)


def _superposed(
    parts: Sequence[Load], duration_s: float, seed: int, routes: Sequence[str], tenants: Sequence[str]
) -> Schedule:
    """Join independent arrivals of several parts in order of time; each part has a seed of its own."""
    due, route, tenant = [], [], []
    for number, part in enumerate(parts):
        times = due_times_ns(part, duration_s, seed + number * 0x9E3779B9)
        due.append(times)
        route.append(np.full(len(times), routes.index(part.route) if part.route else DRAWN, np.int64))
        tenant.append(np.full(len(times), tenants.index(part.tenant) if part.tenant else DRAWN, np.int64))
    times = np.concatenate(due)
    order = np.argsort(times, kind="stable")
    return Schedule(
        times[order],
        np.concatenate(route)[order],
        np.concatenate(tenant)[order],
        np.full(len(times), DRAWN, np.int64),
    )


def replayed(rows: TraceRows, load: Trace, duration_s: float) -> Schedule:
    """Return the arrivals of a trace that fall within the run."""
    due_ns = np.rint(rows.due_ns / load.speed).astype(np.int64) if load.speed != 1 else rows.due_ns
    within = due_ns < round(duration_s * NS_PER_S)
    return Schedule(due_ns[within], rows.route[within], rows.tenant[within], rows.size[within])


def share(due_ns: DueTimes, worker: int, workers: int) -> npt.NDArray[np.int64]:
    """Return the arrival ids (positions in the schedule) that `worker` of `workers` sends: every one exactly once."""
    return np.arange(worker, len(due_ns), workers, dtype=np.int64)


def phase_of(due_ns: DueTimes, ends_ns: Sequence[int]) -> npt.NDArray[np.int16]:
    """Return for each due time the index of the phase that holds it; phases are [previous end, end)."""
    return np.searchsorted(np.asarray(ends_ns, dtype=np.int64), due_ns, side="right").astype(np.int16)
