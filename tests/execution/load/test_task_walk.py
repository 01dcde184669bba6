"""Tasks in the walk: one row a request, its ordinal, and a row for every arrival whatever its task does."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import pyarrow as pa
import pytest

from gatebench.execution.load.answer import NO_CAUSE, Answer
from gatebench.execution.load.arrivals import Arrivals
from gatebench.execution.load.crowd import Crowd
from gatebench.execution.load.meter import Meter
from gatebench.execution.load.recorder import Recorder
from gatebench.execution.load.task_walk import TaskWalk, with_headers
from gatebench.execution.load.turns import Turns
from gatebench.execution.load.wire import Wire
from gatebench.execution.secrets import Secrets
from gatebench.plan import Endpoint
from gatebench.run.learnt import LearntRoutes, beside, learnt_routes
from gatebench.run.stream import StreamTail, StreamWriter
from gatebench.sample import CAUSES, NEVER, OUTCOMES, SAMPLE, TARGET
from gatebench.traffic import Route, Traffic
from tests.execution.load.plans import load_plan

MS = 1_000_000


class SlowClient:
    """A target without sockets that takes `took_ms`, waiting as the real client does."""

    def __init__(self, took_ms: float = 1.0) -> None:
        self.turns = Turns()
        self.wires: list[bytes] = []
        self._took_ns = round(took_ms * MS)

    def exchange(self, answer: Answer, wire: bytes, *, stream: bool, **_: Any) -> None:
        self.wires.append(wire)
        answer.sent_ns = time.monotonic_ns()
        while self.turns.until(answer.sent_ns + self._took_ns):
            pass
        answer.status = 200
        answer.conclude(NO_CAUSE, time.monotonic_ns(), stream=stream)


class Player:
    """A user without Locust."""

    client: Any

    def on_start(self) -> None:
        """Nothing to do before the first task."""


class Play:
    """The only task there is."""

    name = "Player.play"
    user_class = Player
    holders = ()

    def __init__(self, function: Callable[[Any], object]) -> None:
        self.function = function


class Walked:
    """One worker's walk whose arrivals all run `task`."""

    def __init__(
        self, task: Callable[[Any], object], path: Path, client: SlowClient | None = None, **plan: Any
    ) -> None:
        self.client = client or SlowClient()
        made = load_plan(**{"rate": "100/s", "duration_s": 0.1, **plan})
        route = Route(kind="task", name="Player.play", task="Player.play", file="x.py")
        made = made.model_copy(update={"traffic": Traffic(routes=(route,))})
        words = made.vocabularies()
        self.path = path / "samples-0.arrow"
        self.recorder = Recorder(StreamWriter(SAMPLE, self.path, words), words["provider"], words["tenant"])
        self.meter = Meter(0)
        wire = Wire(Endpoint(authority="test"), made.token, "header", Secrets())
        self.crowd = Crowd({0: Play(task)}, lambda user: user(), leaves=(StopIteration,), peaceful=(), files=[])
        given: Any = self.client
        self.walk = TaskWalk(
            made.load,
            Arrivals(made, 0, {TARGET: wire}),
            {TARGET: given},
            self.recorder,
            self.meter,
            turns=given.turns,
            crowd=self.crowd,
            wire=wire,
            routes=LearntRoutes(beside(self.path), words["route"]),
            phase_ends_ns=[phase.end_ns for phase in made.phases],
        )

    def run(self) -> Walked:
        self.walk.run(time.monotonic_ns() + 5 * MS)
        return self

    def rows(self) -> list[dict[str, Any]]:
        self.recorder.close()
        table = StreamTail(self.path).table
        assert isinstance(table, pa.Table)
        return [row | {"outcome": OUTCOMES[row["outcome"]], "cause": CAUSES[row["cause"]]} for row in table.to_pylist()]


def met(rows: list[dict[str, Any]]) -> Counter[tuple[int, str, str]]:
    """Count rows by ordinal, outcome and cause."""
    return Counter((row["ordinal"], row["outcome"], row["cause"]) for row in rows)


def test_every_request_has_its_ordinal_and_its_id(tmp_path: Path) -> None:
    """Two requests an arrival: the first due when the arrival was, the second when it was asked for; ids carry both."""

    def play(user: Any) -> None:
        assert user.client.get("/a").ok
        assert user.client.post("/b", json={"x": 1}, headers={"Accept": "text/plain"}).ok

    walked = Walked(play, tmp_path).run()
    rows = walked.rows()
    assert met(rows) == {(0, "ok", ""): 10, (1, "ok", ""): 10}
    by_request = {(row["arrival_id"], row["ordinal"]): row for row in rows}
    for arrival in range(10):
        first, second = by_request[arrival, 0], by_request[arrival, 1]
        assert first["due_ns"] <= first["sent_ns"] <= first["done_ns"] <= second["due_ns"] <= second["sent_ns"]
    ids = sorted(
        line.split(b"-")[-3:-1] for wire in walked.client.wires for line in wire.split(b"\r\n") if b"gb-" in line
    )
    assert ids == sorted([b"%d" % arrival, b"%d" % ordinal] for arrival in range(10) for ordinal in range(2))
    posted = next(wire for wire in walked.client.wires if wire.startswith(b"POST"))
    assert posted.count(b"accept:") == 1
    assert b"accept: text/plain\r\n" in posted
    assert posted.endswith(b'\r\n\r\n{"x":1}')
    assert (walked.meter.sent, walked.meter.done, walked.meter.ok) == (20, 20, 20)


def test_users_are_leased_and_given_back(tmp_path: Path) -> None:
    """As many users as arrivals run at once, not one each; a user runs one task at a time."""
    at_once: list[int] = []
    busy: list[Any] = []

    def play(user: Any) -> None:
        assert user not in busy
        busy.append(user)
        at_once.append(len(busy))
        user.client.get("/a")
        busy.remove(user)

    walked = Walked(play, tmp_path, SlowClient(took_ms=25), rate="100/s", duration_s=0.2).run()
    assert len(walked.rows()) == 20
    assert 1 < walked.crowd.made == max(at_once)


def test_the_schedule_goes_on_while_tasks_wait_as_gevent_does(tmp_path: Path) -> None:
    """A task that sleeps holds neither the walk nor a place for requests in flight."""

    def play(user: Any) -> None:
        gevent.sleep(0.05)
        user.client.get("/a")

    rows = Walked(play, tmp_path, rate="200/s", duration_s=0.1, pool=2).run().rows()
    first = {row["arrival_id"]: row for row in rows}
    assert len(first) == 20
    assert first[19]["due_ns"] - first[0]["due_ns"] == 95 * MS
    assert all(row["outcome"] == "ok" or row["cause"] == "pool" for row in rows)


def test_a_request_that_its_task_gave_up_still_has_its_row(tmp_path: Path) -> None:
    """A gevent.Timeout in the task ends the waiting, not the request: it concludes by itself and is counted once."""
    given_up: list[int] = []

    def play(user: Any) -> None:
        with gevent.Timeout(0.005, False):
            user.client.get("/slow")
            return
        given_up.append(1)
        user.client.get("/again")

    walked = Walked(play, tmp_path, SlowClient(took_ms=40)).run()
    assert met(walked.rows()) == {(0, "ok", ""): 10, (1, "ok", ""): 10}
    assert len(given_up) == 10
    assert walked.crowd.facts()["task_errors"] == []


def test_a_further_request_without_a_place_is_unsent_by_the_pool(tmp_path: Path) -> None:
    """The target holds the only place: the arrivals behind it, and a second request of a task, are unsent/pool."""

    def play(user: Any) -> None:
        together = [gevent.spawn(user.client.get, "/a") for _ in range(3)]
        gevent.joinall(together)
        assert sorted(one.value.cause for one in together) == ["", "pool", "pool"]

    walked = Walked(play, tmp_path, SlowClient(took_ms=5), rate="0.5/s", duration_s=4, pool=1).run()
    rows = walked.rows()
    assert met(rows) == {(0, "ok", ""): 2, (1, "unsent", "pool"): 2, (2, "unsent", "pool"): 2}
    assert len(walked.client.wires) == 2
    assert walked.crowd.facts()["task_errors"] == []


@pytest.mark.parametrize("raises", [True, False], ids=["raises", "returns"])
def test_a_task_that_asks_for_nothing_leaves_a_row(tmp_path: Path, raises: bool) -> None:
    """Unsent with the cause task; what it raised is counted, and its user goes on."""

    def play(user: Any) -> None:
        if raises:
            raise ValueError("closed")

    walked = Walked(play, tmp_path).run()
    rows = walked.rows()
    assert met(rows) == {(0, "unsent", "task"): 10}
    assert all(row["sent_ns"] == NEVER for row in rows)
    assert walked.crowd.silent == 10
    assert [one["count"] for one in walked.crowd.facts()["task_errors"]] == ([10] if raises else [])


def test_what_a_task_lets_through_that_is_no_exception_is_counted_too(tmp_path: Path) -> None:
    """sys.exit in a task, or a Timeout that nobody caught, ends its greenlet, not the walk."""

    def play(user: Any) -> None:
        raise SystemExit(3)

    walked = Walked(play, tmp_path).run()
    assert met(walked.rows()) == {(0, "unsent", "task"): 10}
    assert [one["exception"] for one in walked.crowd.facts()["task_errors"]] == ["SystemExit: 3"]


def test_stop_ends_tasks_that_would_go_on(tmp_path: Path) -> None:
    """After a stop nothing more is asked; who has not asked yet is unsent/stopped, and who slept is cut."""
    asked: list[str] = []

    def play(user: Any) -> None:
        user.client.get("/a")
        asked.append("first")
        gevent.sleep(0.02)
        user.client.get("/b")
        asked.append("second")
        gevent.sleep(600)

    walked = Walked(play, tmp_path, rate="100/s", duration_s=60)

    def stop_soon() -> None:
        while asked.count("second") < 3:
            gevent.sleep(0.002)
        walked.walk.stop()

    gevent.spawn(stop_soon)
    walked.run()
    rows = walked.rows()
    stopped_ns = walked.walk.stopped_ns
    assert stopped_ns is not None
    assert all(row["sent_ns"] <= stopped_ns for row in rows)
    assert {cause for _, _, cause in met(rows)} <= {"", "stopped"}
    seconds = [row for row in rows if row["ordinal"] == 1]
    assert 3 <= len(seconds) < len(rows) - len(seconds)
    assert walked.walk.cut == asked.count("second")


def test_what_never_ends_is_cut_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks that sleep beyond the drain are cut: asked for nothing, they leave an unsent row; nothing is asked later."""
    monkeypatch.setattr("gatebench.execution.load.walk.END_DRAIN_NS", 20 * MS)

    def play(user: Any) -> None:
        gevent.sleep(3)
        user.client.get("/too-late")

    walked = Walked(play, tmp_path, deadlines_ms=(50, 50, 50)).run()
    gevent.sleep(3.1)
    assert met(walked.rows()) == {(0, "unsent", "task"): 10}
    assert walked.walk.cut == 10
    assert walked.client.wires == []


def test_a_name_gives_a_request_a_route_of_its_own(tmp_path: Path) -> None:
    """`name=` is a route learnt on the way; on_start's requests have theirs, once for each user."""

    class Beginner(Player):
        def on_start(self) -> None:
            self.client.get("/login")

    def play(user: Any) -> None:
        user.client.get("/a", name="named")

    walked = Walked(play, tmp_path)
    walked.crowd._tasks = {0: Play(play)}
    Play.user_class = Beginner
    try:
        walked.run()
    finally:
        Play.user_class = Player
    names = ["Player.play", *learnt_routes(walked.path)]
    found = Counter(names[row["route"]] for row in walked.rows())
    assert found == {"named": 10, "Beginner.on_start": walked.crowd.made}


def test_headers_of_a_task_replace_ours() -> None:
    """Those of the same name go, whatever their case; the body stays."""
    wire = b"POST /a HTTP/1.1\r\nhost: x\r\nAccept: a\r\nx: 1\r\n\r\nbo\r\n\r\ndy"
    changed = with_headers(wire, {"accept": "b", "y": "2"})
    assert changed == b"POST /a HTTP/1.1\r\nhost: x\r\nx: 1\r\naccept: b\r\ny: 2\r\n\r\nbo\r\n\r\ndy"
    assert with_headers(wire, {}) is wire
