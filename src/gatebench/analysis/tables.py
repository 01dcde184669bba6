"""The tables of a run as its metrics read them: the only place where analysis touches the run folder's data.

Every row gets the effective phase it belongs to and the columns that all metrics share. Which rows count, and what a
row without an answer counts as, is decided here and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from gatebench.analysis.asked import asked
from gatebench.analysis.blocks import by_block
from gatebench.analysis.caching.served import served
from gatebench.analysis.columns import is_any, pd_notna, values_of
from gatebench.analysis.derived import Cuts, derive, label_rows
from gatebench.analysis.faults import FaultTimeline, timelines
from gatebench.analysis.joining import join, makers
from gatebench.analysis.limited import LimitedKey, limited_keys
from gatebench.analysis.memory import MANY_ROWS, keep_memory
from gatebench.analysis.retries import in_order
from gatebench.analysis.rows import Rows, put
from gatebench.analysis.series import processes
from gatebench.analysis.shelf import Shelf
from gatebench.analysis.table_columns import Columns
from gatebench.analysis.windows import TRANSITION, Outage, Window, by_hand, edges, outages, windows
from gatebench.plan import Plan
from gatebench.run.assemble import Assembly, assemble
from gatebench.run.folder import RunFolder, RunRecord
from gatebench.run.pages import Heard
from gatebench.run.series import assemble_series, parts_of_series, read_heard
from gatebench.sample import ATTEMPT, LANES, TARGET
from gatebench.schedule import Schedule

_Found = TypeVar("_Found")
_FOUND_BYTES: Final = 300_000_000
_IDS_SHARE: Final = 0.99
_LEDGER_LEVELS: Final = ("full", "unreset")
_STAMPED_LEAST: Final = 0.9
"""Share of the answers of somebody else's target that must carry a stamp, so that what stamps tell is told of all of them."""


@dataclass(frozen=True)
class RunTables:
    """One run, read.

    `samples` holds every row of the clients, `at_target` those of the lane target (the control lanes of an overhead run
    go past the gateway), `load` the rows of the headline metrics: lane target, kind load, and sent, or unsent because
    the target held every slot. Rows that our own side did not send, or that were cut off because the run was stopped,
    are no answer of the target. All are in order of due time and carry, beside the columns of
    `gatebench.sample.SAMPLE`:

    - `due_s`, `done_s`: seconds from the start of the load - `response_ms` = done - due; the total deadline for a row
    that was never sent or never ended - `service_ms` = done - sent and `dispatch_ms` = sent - due; NaN for a row that
    was never sent - `label`: the effective phase, or "transition" - `complete`: ok, and with its terminal event if it
    is a stream - `good`: complete within the objective - `attempts`, `completed`: attempts (completed attempts) at our
    providers with this row's request id - `made_by`: position in `attempts` of the attempt that made the answer, by
    its stamp; -1 for none

    `due_ns` is the schedule, nanoseconds from the start; empty for closed users.

    `attempts` holds every arrival at a provider, or is None without a ledger; `sample` is the position in `samples` of
    the row it was made for, -1 for none. `series` is what was read of every process once a second: `at_ns`, `process`,
    `metric`, `value`; None when nobody read it. `heard` is what came of listening to the gateway's own page and to a Prometheus; what they
    said stands apart, in `gatebench.analysis.series.sources`.
    """

    record: RunRecord
    assembly: Assembly
    events: tuple[Mapping[str, Any], ...]
    workers: Mapping[int, Mapping[str, Any]]
    start_ns: int
    end_ns: int
    faults: tuple[FaultTimeline, ...]
    outages: tuple[Outage, ...]
    windows: tuple[Window, ...]
    schedule: Schedule = field(repr=False)
    samples: pd.DataFrame = field(repr=False)
    attempts: pd.DataFrame | None = field(repr=False)
    series: pd.DataFrame | None = field(default=None, repr=False)
    heard: tuple[Heard, ...] = ()
    _found: Shelf = field(default_factory=lambda: Shelf(_FOUND_BYTES), init=False, repr=False, compare=False)

    @property
    def plan(self) -> Plan:
        """The plan of the run."""
        return self.record.plan

    @property
    def due_ns(self) -> npt.NDArray[np.int64]:
        """When the schedule wants every arrival, nanoseconds from the start."""
        return self.schedule.due_ns

    def kept(self, key: object, find: Callable[[], _Found]) -> _Found:
        """Return what several metrics need: found by the first that asks, and kept as long as there is room for it."""
        return cast("_Found", self._found.get(key, find))

    def forget(self) -> None:
        """Let go of what metrics needed; who shows the run needs other things."""
        self._found.clear()

    @cached_property
    def _between(self) -> dict[tuple[int, int], pd.DataFrame]:
        return {}

    @cached_property
    def _during(self) -> dict[Outage, pd.DataFrame]:
        return {}

    @cached_property
    def asked(self) -> pd.DataFrame:
        """What each row of `samples` asked, see `gatebench.analysis.asked`."""
        return asked(self.samples, self.plan, self.schedule)

    @cached_property
    def served(self) -> pd.DataFrame:
        """Who made the answer to each row of `samples`, and when, see `gatebench.analysis.caching.served`."""
        return served(self.samples, self.attempts, self.asked, self.plan)

    @cached_property
    def keys(self) -> Mapping[str, LimitedKey]:
        """What each tenant asked of the limiter and was given, by name, see `gatebench.analysis.limited`."""
        return limited_keys(self)

    @cached_property
    def at_target(self) -> pd.DataFrame:
        """The rows of the clients that were sent to the target, or should have been."""
        return self.samples[is_any(values_of(self.samples, "lane"), (LANES[TARGET],))]

    @cached_property
    def attempts_for_target(self) -> pd.DataFrame | None:
        """The arrivals at providers that no control lane made, those that name no request of ours included."""
        if self.attempts is None:
            return None
        target = np.append(
            is_any(values_of(self.samples, "lane"), (LANES[TARGET],)), True
        )  # -1, no sample, is the last
        return cast(pd.DataFrame, self.attempts[target[values_of(self.attempts, "sample")]])

    @cached_property
    def attempts_in_order(self) -> pd.DataFrame:
        """The attempts of each request one after the other, see `gatebench.analysis.retries`; none without a ledger."""
        attempts = self.attempts_for_target
        if attempts is None:
            attempts = pd.DataFrame(columns=[column.name for column in ATTEMPT.columns] + ["provider", "sample"])
        return in_order(attempts)

    @cached_property
    def blocks(self) -> pd.DataFrame:
        """The requests of every block of the lanes side by side, see `gatebench.analysis.blocks`."""
        return by_block(self.samples, self.attempts, len(self.plan.lanes))

    @cached_property
    def load(self) -> pd.DataFrame:
        """The rows of the headline metrics."""
        rows = self.at_target
        ours = is_any(values_of(rows, "cause"), ("generator", "stopped", "task"))
        return rows[is_any(values_of(rows, "kind"), ("load",)) & ~ours]

    @cached_property
    def routes(self) -> tuple[str, ...]:
        """The names of the routes: the plan's, and those that the user's own code gave; of a locustfile only the latter."""
        planned = () if self.plan.load.locustfile is not None else self.plan.traffic.route_names()
        found = set(self.samples["route"].dropna().unique().astype(str)) - set(planned)
        return (*planned, *sorted(found))

    @property
    def has_ledger(self) -> bool:
        """Whether every provider of the plan left all of its attempts, so that what did not arrive can be told."""
        lacking = any(name.startswith("attempts-") for name in (*self.assembly.missing, *self.assembly.torn))
        return self.attempts is not None and not lacking and self.plan.evidence in _LEDGER_LEVELS

    @cached_property
    def bypassed(self) -> bool:
        """Whether the target answered, and nothing of it came from our providers: no attempt arrived, no answer is stamped."""
        attempts, complete = self.attempts_for_target, values_of(self.at_target, "complete")
        if attempts is not None and not is_any(values_of(attempts, "kind"), ("canary",)).all():
            return False
        return bool(complete.any()) and not (pd_notna(values_of(self.at_target, "provider")) & complete).any()

    @cached_property
    def has_stamps(self) -> bool:
        """Whether answers say which provider made them: those of a target that we started, and those of any address behind
        which our providers stand, which shows in the answers themselves.
        """
        return self.plan.evidence in _LEDGER_LEVELS or self.stamped_share >= _STAMPED_LEAST

    @cached_property
    def stamped_share(self) -> float:
        """The share of the target's complete answers that carry a stamp of our providers; 0 without answers."""
        complete = values_of(self.at_target, "complete").astype(np.bool_)
        return float(self.at_target["provider"].notna().to_numpy()[complete].mean()) if complete.any() else 0.0

    def phase_rows(self, name: str) -> pd.DataFrame:
        """Return the headline rows of an effective phase, or of the transitions."""
        return self.load[is_any(values_of(self.load, "label"), (name,))]

    def due_between(self, start_ns: int, end_ns: int) -> pd.DataFrame:
        """Return the headline rows due in [start, end), nanoseconds from the start of the load."""
        if (start_ns, end_ns) not in self._between:
            due_ns = values_of(self.load, "due_ns")
            first_ns, last_ns = start_ns + self.start_ns, end_ns + self.start_ns
            self._between[start_ns, end_ns] = self.load[(due_ns >= first_ns) & (due_ns < last_ns)]
        return self._between[start_ns, end_ns]

    def during(self, outage: Outage) -> pd.DataFrame:
        """Return the headline rows of F: due in [t0, t1) and under way at no edge of a fault."""
        if outage not in self._during:
            rows = self.due_between(outage.t0_ns, outage.t1_ns)
            self._during[outage] = rows[~is_any(values_of(rows, "label"), (TRANSITION,))]
        return self._during[outage]

    @cached_property
    def ids_arrive(self) -> bool:
        """Whether request ids reach the providers: at least 99 % of their arrivals name a row, canaries left out and what a gateway
        asks before anybody asks it.
        """
        if self.attempts is None or self.plan.request_id == "none":
            return False
        asked = values_of(self.attempts, "arrived_ns") >= self.start_ns
        asked &= ~is_any(values_of(self.attempts, "kind"), ("canary",))
        named = np.count_nonzero(asked & (values_of(self.attempts, "sample") >= 0))
        return not asked.any() or bool(named / np.count_nonzero(asked) >= _IDS_SHARE)

    @cached_property
    def baseline(self) -> pd.DataFrame:
        """The headline rows of the phases with the role baseline."""
        names = [window.name for window in self.windows if window.role == "baseline"]
        return self.load[is_any(values_of(self.load, "label"), names)]

    def length_s(self, phase: str | None) -> float | None:
        """Return the length of a phase in seconds, of the run without its warm-up for None; None for the
        transitions.
        """
        if phase == TRANSITION:
            return None
        return sum(
            window.length_s
            for window in self.windows
            if window.name == phase or (phase is None and window.role != "warmup")
        )


def read(folder: RunFolder) -> RunTables:
    """Assemble the run's parts if there are any, and return its tables; whatever a crash left is enough."""
    assembly = assemble(folder)
    record = folder.load()
    events = tuple(folder.events())
    shelf = Shelf()
    samples = _table(folder.samples, shelf)
    _assemble_series(folder, record)
    attempts = _table(folder.attempts, shelf) if folder.attempts.exists() else None
    workers = _worker_facts(folder)
    schedule = record.plan.schedule(folder.trace)
    start_ns = _start_ns(record, events, samples, schedule.due_ns)
    end_ns = _end_ns(record, workers, samples, start_ns)
    faults = timelines(record.plan, events, start_ns)
    found = outages(record.plan, faults, end_ns)
    phases = windows(record.plan, found, end_ns)
    derive(samples, record.plan, start_ns)
    cuts = Cuts(tuple(edges(faults)), tuple(by_hand(faults, end_ns)))
    label_rows(samples, phases, cuts, start_ns, end_ns, own_pace=record.plan.load.locustfile is not None)
    if attempts is not None:
        join(samples, attempts)
        put(samples, "made_by", makers(samples, attempts))
    return RunTables(
        record=record,
        assembly=assembly,
        events=events,
        workers=workers,
        start_ns=start_ns,
        end_ns=end_ns,
        faults=faults,
        outages=found,
        windows=phases,
        schedule=schedule,
        samples=samples,
        attempts=attempts,
        series=_series(folder.series),
        heard=_heard(folder.series),
    )


def _table(path: Path, shelf: Shelf) -> Rows:
    columns = Columns.of_file(path, shelf)
    if columns.rows >= MANY_ROWS:
        keep_memory()
    return Rows(columns)


def _assemble_series(folder: RunFolder, record: RunRecord) -> None:
    """Make series.parquet of its parts when nobody came to do that: the run was killed."""
    if not folder.series.exists() and parts_of_series(folder.parts):
        assemble_series(folder.parts, folder.series, record.plan.page.path if record.plan.page else None)


def _series(path: Path) -> pd.DataFrame | None:
    """Return what was read of the processes; None without it, or when it is damaged: the requests stand without it."""
    try:
        return processes(path)
    except (OSError, pa.ArrowException):
        return None


def _heard(path: Path) -> tuple[Heard, ...]:
    try:
        return tuple(read_heard(path))
    except (OSError, pa.ArrowException):
        return ()


def _worker_facts(folder: RunFolder) -> dict[int, dict[str, Any]]:
    """Return what each load worker said of itself at its end; one that was killed said nothing."""
    found = {}
    for path in sorted(folder.parts.glob("load-*.json")):
        try:
            facts = json.loads(path.read_text())
        except ValueError:
            continue
        number = path.stem.removeprefix("load-")
        if isinstance(facts, dict) and number.isdigit():
            found[int(number)] = facts
    return found


def _start_ns(
    record: RunRecord, events: tuple[Mapping[str, Any], ...], samples: pd.DataFrame, due_ns: npt.NDArray[np.int64]
) -> int:
    """Return the start of the load: as the record has it, else as an event has it, else as the first rows imply."""
    if record.clock.load_start_ns is not None:
        return record.clock.load_start_ns
    for event in events:
        if event.get("event") == "load.started" and "t0_ns" in event:
            return int(event["t0_ns"])
    if samples.empty:
        return record.clock.monotonic_ns
    first = samples.iloc[0]
    if len(due_ns) == 0:  # closed users: the first of them begin at once
        return int(first["due_ns"])
    return int(first["due_ns"]) - int(due_ns[min(int(first["arrival_id"]), len(due_ns) - 1)])


def _end_ns(record: RunRecord, workers: Mapping[int, Mapping[str, Any]], samples: pd.DataFrame, start_ns: int) -> int:
    """Return when the load ended, from its start: as planned, unless it was stopped or nobody recorded its end."""
    planned_ns = record.plan.load.duration_ns
    if record.plan.load.locustfile is not None and workers.get(0, {}).get("ended_ns") is not None:
        return max(0, min(planned_ns, int(workers[0]["ended_ns"]) - start_ns))
    stopped = [int(facts["stopped_ns"]) - start_ns for facts in workers.values() if facts.get("stopped_ns") is not None]
    if stopped:
        return max(0, min(planned_ns, max(stopped)))
    if record.clock.load_end_ns is not None or samples.empty:
        return planned_ns
    return max(0, min(planned_ns, int(samples["done_ns"].max()) - start_ns))
