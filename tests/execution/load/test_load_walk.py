"""The walk over the schedule: one row an arrival, whatever the target does, and a cause where nothing was sent."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import pyarrow as pa
import pytest

from gatebench.execution.load import walk as walking
from gatebench.execution.load.answer import NO_CAUSE, Answer
from gatebench.execution.load.arrivals import Arrivals
from gatebench.execution.load.meter import Meter
from gatebench.execution.load.recorder import Recorder
from gatebench.execution.load.turns import Turns
from gatebench.execution.load.walk import Walk
from gatebench.execution.load.wire import Wire
from gatebench.execution.secrets import Secrets
from gatebench.plan import Endpoint, Plan
from gatebench.run.stream import StreamTail, StreamWriter
from gatebench.sample import CAUSES, NEVER, OUTCOMES, SAMPLE, TARGET
from tests.execution.load.plans import load_plan

MS = 1_000_000


class Gate:
    """Holds requests up until it is opened, the way the client waits."""

    def __init__(self) -> None:
        self.open = False

    def wait(self, turns: Turns) -> None:
        while not self.open:
            turns.until(time.monotonic_ns() + MS)


class FakeClient:
    """A target without sockets: `serve` runs between sending and the answer."""

    def __init__(self, serve: Callable[[Answer], object] = lambda answer: None, gate: Gate | None = None) -> None:
        self.turns = Turns()
        self.sent = 0
        self._serve = serve
        self._gate = gate

    def exchange(self, answer: Answer, wire: bytes, *, stream: bool, read_bytes_per_s: int = 0) -> None:
        self.sent += 1
        answer.sent_ns = time.monotonic_ns()
        self._serve(answer)
        if self._gate is not None:
            self._gate.wait(self.turns)
        answer.status = 200
        answer.conclude(NO_CAUSE, time.monotonic_ns(), stream=stream)


class Walked:
    """One worker's walk with a fake client, and the rows that it left."""

    def __init__(self, plan: Plan, path: Path, client: FakeClient, worker: int = 0) -> None:
        self.meter = Meter(worker)
        self.path = path / f"samples-{worker}.arrow"
        words = plan.vocabularies()
        self.recorder = Recorder(StreamWriter(SAMPLE, self.path, words), words["provider"], words["tenant"])
        arrivals = Arrivals(plan, worker, {TARGET: Wire(Endpoint(authority="test"), plan.token, "header", Secrets())})
        given: Any = client
        self.walk = Walk(plan.load, arrivals, {TARGET: given}, self.recorder, self.meter, turns=given.turns)

    def run(self) -> Walked:
        self.t0_ns = time.monotonic_ns() + 20 * MS
        self.walk.run(self.t0_ns)
        self.recorder.close()
        return self

    def rows(self) -> pa.Table:
        table = StreamTail(self.path).table
        assert table is not None
        return table

    def verdicts(self) -> Counter[tuple[str, str]]:
        return Counter(
            (OUTCOMES[row["outcome"]], CAUSES[row["cause"]])
            for row in self.rows().select(["outcome", "cause"]).to_pylist()
        )

    def column(self, name: str) -> list[int]:
        return list(self.rows()[name].to_pylist())


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_4000_arrivals_leave_4000_rows(tmp_path: Path, workers: int) -> None:
    """Every arrival of the schedule is sent once and has one row, over any number of workers."""
    plan = load_plan(rate="8000/s", duration_s=0.5, arrivals="even", workers=workers)
    client = FakeClient()
    walked = [Walked(plan, tmp_path, client, worker).run() for worker in range(workers)]
    ids = [arrival for one in walked for arrival in one.column("arrival_id")]
    assert plan.load.scheduled == 4000
    assert sorted(ids) == list(range(4000))
    assert client.sent == 4000
    assert sum((one.verdicts() for one in walked), Counter()) == {("ok", ""): 4000}
    due_ns = plan.schedule().due_ns.tolist()
    for one in walked:
        pairs = zip(one.column("arrival_id"), one.column("due_ns"), strict=True)
        assert all(due == one.t0_ns + due_ns[arrival] for arrival, due in pairs)
        assert all(sent >= due for sent, due in zip(one.column("sent_ns"), one.column("due_ns"), strict=True))


def test_a_stalled_target_does_not_hold_the_schedule_up(tmp_path: Path) -> None:
    """While nothing is answered, requests go on being sent when they are due: no coordinated omission."""
    gate = Gate()
    client = FakeClient(gate=gate)
    walked = Walked(load_plan(rate="500/s", duration_s=0.4), tmp_path, client)
    sent_before_the_first_answer: list[int] = []

    def open_after_the_last() -> None:
        while client.sent < 200:
            gevent.sleep(0.005)
        sent_before_the_first_answer.append(client.sent)
        gate.open = True

    gevent.spawn(open_after_the_last)
    walked.run()
    assert sent_before_the_first_answer == [200]
    assert walked.verdicts() == {("ok", ""): 200}
    last_due_ns = max(walked.column("due_ns"))
    assert all(done >= last_due_ns for done in walked.column("done_ns"))


def test_a_full_pool_is_the_targets_doing(tmp_path: Path) -> None:
    """When the target holds every place, arrivals leave `unsent/pool` rows, with route and tenant and without a send."""
    gate = Gate()
    client = FakeClient(gate=gate)
    walked = Walked(load_plan(rate="500/s", duration_s=0.2, pool=20, workers=2), tmp_path, client, worker=1)

    def open_when_the_rest_is_unsent() -> None:
        with gevent.Timeout(20, False):
            while walked.meter.bad < 40:
                gevent.sleep(0.005)
        gate.open = True

    gevent.spawn(open_when_the_rest_is_unsent)
    walked.run()
    assert walked.verdicts() == {("ok", ""): 10, ("unsent", "pool"): 40}
    assert client.sent == 10
    rows = walked.rows().to_pylist()
    unsent = [row for row in rows if CAUSES[row["cause"]] == "pool"]
    assert all(row["sent_ns"] == NEVER and row["done_ns"] >= row["due_ns"] and row["connection"] == 0 for row in unsent)
    assert len({row["tenant"] for row in unsent}) > 1
    assert len({row["arrival_id"] for row in rows}) == 50


def test_a_late_generator_owns_up(tmp_path: Path) -> None:
    """Arrivals that this process reaches later than the plan allows are `unsent/generator`, and the target is spared them."""
    hogged: list[int] = []

    def hog(answer: Answer) -> None:
        if not hogged:
            hogged.append(1)
            time.sleep(0.3)  # as a collection of garbage or a neighbour on the core would

    client = FakeClient(hog)
    walked = Walked(load_plan(rate="100/s", duration_s=0.3, late_ms=100), tmp_path, client).run()
    verdicts = walked.verdicts()
    assert verdicts["unsent", "generator"] >= 19  # due 10 ms … 190 ms, reached after 300 ms at the earliest
    assert verdicts["unsent", "generator"] + verdicts["ok", ""] == 30
    for row in walked.rows().to_pylist():
        if CAUSES[row["cause"]] == "generator":
            assert row["done_ns"] - row["due_ns"] > 100 * MS


def test_lateness_within_the_limit_is_sent_and_shown(tmp_path: Path) -> None:
    """A late request within the limit is sent; its dispatch delay stands in the row as sent − due."""
    hogged: list[int] = []

    def hog(answer: Answer) -> None:
        if not hogged:
            hogged.append(1)
            time.sleep(0.2)

    walked = Walked(load_plan(rate="100/s", duration_s=0.2), tmp_path, FakeClient(hog)).run()
    assert walked.verdicts() == {("ok", ""): 20}
    delays = {
        arrival: sent - due
        for arrival, sent, due in zip(
            walked.column("arrival_id"), walked.column("sent_ns"), walked.column("due_ns"), strict=True
        )
    }
    assert delays[1] >= 190 * MS


def test_stop_leaves_a_row_for_what_was_due_and_none_for_what_was_not(tmp_path: Path) -> None:
    """After a stop nothing is sent; open requests get a moment and then are `in_flight/stopped`; the books end at the stop."""
    never = Gate()
    client = FakeClient(lambda answer: never.wait(client.turns) if client.sent % 2 else None)
    walked = Walked(load_plan(rate="200/s", duration_s=60), tmp_path, client)

    def stop_after_some() -> None:
        while client.sent < 50:
            gevent.sleep(0.002)
        walked.walk.stop()

    gevent.spawn(stop_after_some)
    walked.run()
    stopped_ns = walked.walk.stopped_ns
    assert stopped_ns is not None
    verdicts = walked.verdicts()
    assert verdicts["in_flight", "stopped"] == (client.sent + 1) // 2
    assert verdicts["ok", ""] == client.sent // 2
    due_ns = load_plan(rate="200/s", duration_s=60).schedule().due_ns + walked.t0_ns
    assert sorted(walked.column("arrival_id")) == [i for i, due in enumerate(due_ns.tolist()) if due <= stopped_ns]
    ends = [row["done_ns"] for row in walked.rows().to_pylist() if OUTCOMES[row["outcome"]] == "in_flight"]
    assert all(end >= stopped_ns + walking.STOP_DRAIN_NS for end in ends)


def test_arrivals_between_the_last_send_and_the_stop_are_unsent(tmp_path: Path) -> None:
    """What fell due while the generator was busy, before the stop, is `unsent/stopped` and not forgotten."""

    def stop_late(answer: Answer) -> None:
        if client.sent == 1:
            time.sleep(0.1)
            walked.walk.stop()

    client = FakeClient(stop_late)
    walked = Walked(load_plan(rate="100/s", duration_s=60), tmp_path, client)
    walked.run()
    verdicts = walked.verdicts()
    assert verdicts["ok", ""] == client.sent == 1
    assert verdicts["unsent", "stopped"] >= 9  # due 10 ms … 90 ms


def test_what_never_ends_is_in_flight_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is still open after total deadline and grace has an `in_flight` row, and never a second one."""
    monkeypatch.setattr(walking, "END_DRAIN_NS", 50 * MS)
    gate = Gate()
    client = FakeClient(gate=gate)
    plan = load_plan(rate="100/s", duration_s=0.1, deadlines_ms=(50, 50, 50))
    walked = Walked(plan, tmp_path, client)
    walked.walk.run(time.monotonic_ns())
    gate.open = True  # the answers come now, too late for the books
    gevent.sleep(0.01)
    walked.recorder.close()
    assert walked.verdicts() == {("in_flight", ""): 10}


def test_a_defect_of_the_generator_is_raised(tmp_path: Path) -> None:
    """An exception in our own code is no outcome of a request: the walk ends, its rows are whole, and it raises."""

    def break_down(answer: Answer) -> None:
        if client.sent == 3:
            raise ZeroDivisionError

    client = FakeClient(break_down)
    plan = load_plan(rate="100/s", duration_s=0.1, deadlines_ms=(50, 50, 50))
    walked = Walked(plan, tmp_path, client)
    with pytest.raises(ZeroDivisionError):
        walked.run()
    walked.recorder.close()
    assert sorted(walked.column("arrival_id")) == list(range(10))
