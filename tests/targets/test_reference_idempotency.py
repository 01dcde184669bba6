"""Idempotency in the reference gateway: once for each key, however often it is asked."""

from __future__ import annotations

import asyncio

import pytest
from multidict import CIMultiDict

from targets.reference.refgate.answer import Answer, Error, Stream, Whole
from targets.reference.refgate.call import Call
from targets.reference.refgate.idempotency.records import Records
from targets.reference.refgate.metrics import Metrics
from targets.reference.refgate.settings.idempotency import IdempotencyConfig
from targets.reference.refgate.shared import Shared
from targets.reference.refgate.stage import Stage
from targets.reference.refgate.stages.idempotency import idempotency
from tests.targets.caching import SlowLast, ask_for, down, numbered, run, settle
from tests.targets.calling import Clock, Last, make_call


def staged(clock: Clock | None = None, **settings: object) -> Stage:
    """Return the stage of `settings`, on if nothing else is said."""
    config = IdempotencyConfig.model_validate({"on": True, **settings})
    stage = idempotency(config, Shared((), Metrics(), clock=clock or Clock()))
    assert stage is not None
    return stage


def keyed(key: str = "k", prompt: str = "a", tenant: str = "tenant-1") -> Call:
    """Return a chat request with an idempotency key."""
    call = ask_for(prompt, tenant)
    call.headers["Idempotency-Key"] = key
    return call


def told(answer: Answer) -> tuple[str, bool]:
    """Return the body, or the code of an error, and whether it was replayed."""
    said = answer.body.decode() if isinstance(answer, Whole) else answer.code if isinstance(answer, Error) else "stream"
    return said, answer.headers.get("Idempotent-Replayed") == "true"


def one_by_one(stage: Stage, last: Last, *calls: Call) -> list[tuple[str, bool]]:
    """Return what is told to each of `calls`, one after the other."""

    async def all_() -> list[tuple[str, bool]]:
        return [told(await stage(call, last)) for call in calls]

    return asyncio.run(all_())


def test_it_is_off_unless_it_is_wanted() -> None:
    """Without keys and without a window there is no stage."""
    assert idempotency(IdempotencyConfig(), Shared((), Metrics())) is None


def test_a_key_is_good_for_one_execution() -> None:
    """The second answer is the first one and says so; other keys, other tenants and no key are executed."""
    last = Last(numbered())
    calls = [keyed(), keyed(), keyed("l"), keyed(tenant="tenant-2"), ask_for("a"), ask_for("a"), keyed()]
    answers = one_by_one(staged(), last, *calls)
    assert answers == [
        ("1", False), ("1", True), ("2", False), ("3", False), ("4", False), ("5", False), ("1", True),
    ]  # fmt: skip


def test_another_body_under_the_same_key_is_refused() -> None:
    """422, and the first answer is still there; the order of fields is no difference."""
    last = Last(numbered())
    same = make_call("tenant-1", body=b'{"messages":[{"content":"a","role":"user"}], "model":"m"}')
    same.headers["Idempotency-Key"] = "k"
    answers = one_by_one(staged(), last, keyed(), keyed(prompt="b"), same)
    assert answers == [("1", False), ("idempotency_key_reused", False), ("1", True)]
    assert len(last.calls) == 1


def test_a_duplicate_of_what_is_being_executed_has_a_conflict() -> None:
    """409 with Retry-After for those who come meanwhile, the answer for those who come back."""

    async def test() -> None:
        stage, last = staged(), SlowLast(numbered())
        first = asyncio.ensure_future(stage(keyed(), last))
        await settle()
        conflict = await stage(keyed(), last)
        assert isinstance(conflict, Error)
        assert (conflict.status, conflict.headers["Retry-After"]) == (409, "1")
        last.go.set()
        assert told(await first) == ("1", False)
        assert told(await stage(keyed(), last)) == ("1", True)

    run(test)


def test_a_duplicate_may_wait_instead() -> None:
    """Five at once are one execution, and four have its answer."""

    async def test() -> None:
        stage, last = staged(concurrent="wait"), SlowLast(numbered())
        waiting = [asyncio.ensure_future(stage(keyed(), last)) for _ in range(5)]
        await settle()
        last.go.set()
        assert [told(answer) for answer in await asyncio.gather(*waiting)] == [("1", False)] + [("1", True)] * 4
        assert len(last.calls) == 1

    run(test)


@pytest.mark.parametrize("status", [0, 429, 408, 409, 500, 503])
def test_a_failure_gives_the_key_back(status: int) -> None:
    """What was no result is executed again: our own errors, and a provider that says not now."""
    last = Last(lambda: Whole(status, CIMultiDict(), b"") if status else down())
    one_by_one(staged(), last, keyed(), keyed())
    assert len(last.calls) == 2


def test_a_refusal_is_a_result() -> None:
    """A 400 is a 400 the next time."""
    last = Last(lambda: Whole(400, CIMultiDict(), b"bad"))
    assert one_by_one(staged(), last, keyed(), keyed()) == [("bad", False), ("bad", True)]
    assert len(last.calls) == 1


def test_a_client_that_leaves_gives_the_key_back() -> None:
    """Its execution is cancelled; of those who wait the next one executes, for the others too."""

    async def test() -> None:
        stage, last = staged(concurrent="wait"), SlowLast(numbered())
        waiting = [asyncio.ensure_future(stage(keyed(), last)) for _ in range(3)]
        await settle()
        waiting[0].cancel()
        await settle()
        last.go.set()
        assert [told(await one) for one in waiting[1:]] == [("1", False), ("1", True)]
        assert len(last.calls) == 2

    run(test)


def test_a_key_has_its_time() -> None:
    """Sixty seconds from the first request, then it is as good as new."""

    async def test() -> None:
        clock, last = Clock(), Last(numbered())
        stage = staged(clock, ttl_s=60)
        await stage(keyed(), last)
        clock.now_s += 59.9
        assert told(await stage(keyed(prompt="a"), last)) == ("1", True)
        clock.now_s += 0.1
        assert told(await stage(keyed(prompt="b"), last)) == ("2", False)

    run(test)


def test_keys_have_a_length() -> None:
    """An absurd key is refused before anything is kept of it."""
    assert one_by_one(staged(), Last(), keyed("k" * 256)) == [("invalid_idempotency_key", False)]


def test_reading_needs_no_key() -> None:
    """A GET is safe anyway; its key is nobody's business."""
    last = Last(numbered())
    calls = [make_call(method="GET", path="/rest/items/1", idempotency_key="k") for _ in range(2)]
    assert one_by_one(staged(), last, *calls) == [("1", False), ("2", False)]


@pytest.mark.parametrize(("outcome", "again"), [("ok", ("a b", True)), ("broken", ("stream", False))])
def test_a_stream_is_kept_when_it_ended_well(outcome: str, again: tuple[str, bool]) -> None:
    """As the client had it; of a broken one nothing is kept."""

    async def test() -> None:
        stage = staged()
        last = Last(lambda: Stream(200, CIMultiDict({"Content-Type": "text/event-stream"}), b"a", Rest()))
        call = keyed()
        assert isinstance(await stage(call, last), Stream)
        assert told(await stage(keyed(), last)) == ("idempotency_conflict", False)
        for piece in (b"a", b" b"):
            for tap in call.taps:
                tap(piece)
        call.ended(outcome)
        answer = await stage(keyed(), last)
        assert told(answer) == again
        assert answer.headers["Content-Type"] == "text/event-stream"

    run(test)


class Rest:
    """The rest of a stream that nobody reads here."""

    async def read(self) -> bytes:
        return b""

    def release(self) -> None:
        return


def test_the_same_request_within_a_window_has_the_same_answer() -> None:
    """Without any key: by tenant and body, for two seconds; those at the same time wait; other bodies do not."""

    async def test() -> None:
        clock, last = Clock(), SlowLast(numbered())
        stage = staged(clock, on=False, dedup_window_s=2)
        waiting = [asyncio.ensure_future(stage(ask_for("a"), last)) for _ in range(3)]
        await settle()
        last.go.set()
        assert [told(answer) for answer in await asyncio.gather(*waiting)] == [("1", False), ("1", True), ("1", True)]
        clock.now_s += 1.9
        assert told(await stage(ask_for("a"), last)) == ("1", True)
        assert told(await stage(ask_for("b"), last)) == ("2", False)
        assert told(await stage(ask_for("a", "tenant-2"), last)) == ("3", False)
        clock.now_s += 0.1
        assert told(await stage(ask_for("a"), last)) == ("4", False)

    run(test)


def test_a_key_goes_before_the_window() -> None:
    """Two keys are two requests, whatever they say."""
    calls = [keyed("k"), keyed("l"), ask_for("a"), ask_for("a")]
    answers = one_by_one(staged(dedup_window_s=2), Last(numbered()), *calls)
    assert answers == [("1", False), ("2", False), ("3", False), ("3", True)]


def test_records_do_not_pile_up() -> None:
    """What is over is forgotten when something new begins; what is under way is not, however old."""

    async def test() -> None:
        clock = Clock()
        records = Records(10, clock)
        for number in range(100):
            record = records.begin(f"k{number}", b"")
            records.settle(f"k{number}", record, Whole(200, CIMultiDict(), b""))
        running = records.begin("running", b"")
        clock.now_s += 11
        records.begin("new", b"")
        assert len(records) == 2
        assert records.find("running") is running

    run(test)
