"""The reference gateway's cache of prompts: what is served from it, when, to whom, and what never is."""

from __future__ import annotations

import asyncio

import pytest
from multidict import CIMultiDict

from targets.reference.refgate.answer import Answer, Stream, Whole
from targets.reference.refgate.call import Call
from targets.reference.refgate.metrics import Metrics
from targets.reference.refgate.settings.cache import CacheConfig
from targets.reference.refgate.shared import Shared
from targets.reference.refgate.stages.cache import cache
from tests.targets.caching import SlowLast, ask_for, cached, down, numbered, run, said, say, settle
from tests.targets.calling import Clock, Last, make_call


def test_it_is_off_unless_it_is_wanted() -> None:
    """No cache is no stage."""
    assert cache(CacheConfig(), Shared((), Metrics())) is None


def test_a_question_is_asked_once() -> None:
    """The second answer is the first one, and says so; another question is another answer."""
    last = Last(numbered())
    calls = [ask_for("a"), ask_for("a"), ask_for("b"), ask_for("a")]
    assert say(cached(Clock()), last, calls) == [("1", "MISS"), ("1", "HIT"), ("2", "MISS"), ("1", "HIT")]
    assert len(last.calls) == 2


def test_an_answer_lives_as_long_as_it_may() -> None:
    """Ten seconds, not a moment longer; its age is told in whole seconds."""

    async def test() -> None:
        clock, last = Clock(), Last(numbered())
        stage = cached(clock, ttl_s=10)
        await stage(ask_for("a"), last)
        clock.now_s += 9.99
        answer = await stage(ask_for("a"), last)
        assert (said(answer), answer.headers["Age"]) == (("1", "HIT"), "9")
        clock.now_s += 0.01
        assert said(await stage(ask_for("a"), last)) == ("2", "MISS")

    run(test)


def test_tenants_do_not_see_each_others_answers() -> None:
    """Each tenant asks once; unnamed callers are told apart by what they show; with a shared scope one answer is for all."""
    nobody = ask_for("a", ""), ask_for("a", "")
    nobody[0].headers["Authorization"], nobody[1].headers["Authorization"] = "Bearer 1", "Bearer 2"
    calls = [ask_for("a", "tenant-1"), ask_for("a", "tenant-2"), *nobody, ask_for("a", "tenant-1")]
    assert [answer for answer, _ in say(cached(Clock()), Last(numbered()), calls)] == ["1", "2", "3", "4", "1"]
    shared = cached(Clock(), scope="shared")
    assert {answer for answer, _ in say(shared, Last(numbered()), calls)} == {"1"}


@pytest.mark.parametrize("status", [400, 404, 201, 204])
def test_only_good_answers_are_kept(status: int) -> None:
    """What is no plain 200 is asked for again."""
    last = Last(lambda: Whole(status, CIMultiDict(), b""))
    say(cached(Clock()), last, [ask_for("a"), ask_for("a")])
    assert len(last.calls) == 2


def test_nothing_meant_for_one_client_is_kept() -> None:
    """A cookie goes to the one who was asked for, not to the next."""

    async def test() -> None:
        stage, last = cached(Clock()), Last(numbered(Set_Cookie="a=1"))
        assert "Set-Cookie" in (await stage(ask_for("a"), last)).headers
        assert "Set-Cookie" not in (await stage(ask_for("a"), last)).headers

    run(test)


@pytest.mark.parametrize(
    "call",
    [
        ask_for("a", stream=True),
        make_call("t", body=b"no JSON"),
        make_call("t", method="GET", path="/v1/models"),
        make_call("t", method="PUT", path="/rest/items/1"),
    ],
)
def test_what_it_is_not_for_passes(call: object) -> None:
    """Streams, what is no JSON and what is no prompt are asked for every time, without a word of a cache."""
    assert say(cached(Clock()), Last(numbered()), [call, call]) == [("1", ""), ("2", "")]  # type: ignore[list-item]


def test_many_at_once_are_one_attempt() -> None:
    """Of ten who ask the same at once one is a miss and nine share its answer."""

    async def test() -> None:
        stage, last = cached(Clock()), SlowLast(numbered())
        waiting = [asyncio.ensure_future(stage(ask_for("a"), last)) for _ in range(10)]
        await settle()
        last.go.set()
        answers = sorted(said(answer) for answer in await asyncio.gather(*waiting))
        assert answers == [("1", "HIT")] * 9 + [("1", "MISS")]
        assert len(last.calls) == 1

    run(test)


def test_without_coalescing_everybody_asks() -> None:
    """Ten at once are ten attempts: a stampede."""

    async def test() -> None:
        stage, last = cached(Clock(), coalescing=False), SlowLast(numbered())
        waiting = [asyncio.ensure_future(stage(ask_for("a"), last)) for _ in range(10)]
        await settle()
        last.go.set()
        assert {claim for _, claim in [said(answer) for answer in await asyncio.gather(*waiting)]} == {"MISS"}
        assert len(last.calls) == 10

    run(test)


def test_a_failure_is_two_attempts_for_all() -> None:
    """Ten ask at once and nobody answers: one other tries, then all have the error, each its own."""

    async def test() -> None:
        stage, last = cached(Clock()), SlowLast(down)
        waiting = [asyncio.ensure_future(stage(ask_for("a"), last)) for _ in range(10)]
        await settle()
        last.go.set()
        answers = await asyncio.gather(*waiting)
        assert {answer.status for answer in answers} == {502}
        assert len({id(answer.headers) for answer in answers}) == 10
        assert len(last.calls) == 2

    run(test)


def test_refusals_are_not_shared() -> None:
    """A 400 is for the one who asked; who asked with it is asked for alone."""

    async def test() -> None:
        stage, last = cached(Clock()), SlowLast(lambda: Whole(400, CIMultiDict(), b"bad"))
        waiting = [asyncio.ensure_future(stage(ask_for("a"), last)) for _ in range(4)]
        await settle()
        last.go.set()
        assert [answer.status for answer in await asyncio.gather(*waiting)] == [400] * 4
        assert len(last.calls) == 4

    run(test)


def test_a_stale_answer_is_served_while_one_is_fetched() -> None:
    """Three come after its time: all have the old answer at once, one renewal is under way, then the new one is there."""

    async def test() -> None:
        clock, last = Clock(), SlowLast(numbered())
        last.go.set()
        stage = cached(clock, ttl_s=10, stale_while_revalidate_s=5)
        await stage(ask_for("a"), last)
        clock.now_s += 12
        last.go.clear()
        answers = [await stage(ask_for("a"), last) for _ in range(3)]
        assert [said(answer) for answer in answers] == [("1", "STALE")] * 3
        assert answers[0].headers["Age"] == "12"
        await settle()
        assert len(last.calls) == 2
        last.go.set()
        await settle()
        assert said(await stage(ask_for("a"), last)) == ("2", "HIT")
        clock.now_s += 15
        assert said(await stage(ask_for("a"), last)) == ("3", "MISS")

    run(test)


def test_a_stale_answer_is_better_than_none() -> None:
    """When nobody answers the old one is served as long as that is allowed, then the error."""

    async def test() -> None:
        clock, last = Clock(), Last(numbered())
        stage = cached(clock, ttl_s=10, stale_if_error_s=60)
        await stage(ask_for("a"), last)
        last.answer = down
        clock.now_s += 69.9
        answer = await stage(ask_for("a"), last)
        assert (said(answer), answer.headers["Age"]) == (("1", "STALE"), "69")
        clock.now_s += 0.1
        assert (await stage(ask_for("a"), last)).status == 502
        assert (await stage(ask_for("b"), last)).status == 502

    run(test)


@pytest.mark.parametrize(("limit_s", "later_s", "status"), [(0, 80_000, 200), (60, 59, 200), (60, 61, 502)])
def test_the_last_good_answer_stands_in(limit_s: float, later_s: float, status: int) -> None:
    """As a mere fallback everybody is asked for anew; only when no provider answers the last good answer is served."""

    async def test() -> None:
        clock, last = Clock(), Last(numbered())
        stage = cached(clock, kind="off", fallback=True, stale_if_error_s=limit_s)
        assert [said(await stage(ask_for("a"), last)) for _ in range(2)] == [("1", "MISS"), ("2", "MISS")]
        last.answer = down
        clock.now_s += later_s
        answer = await stage(ask_for("a"), last)
        assert said(answer) == (("2", "STALE") if status == 200 else ("502", "MISS"))
        assert (await stage(ask_for("a", "tenant-2"), last)).status == 502

    run(test)


class Upstream:
    """The rest of a stream, which wants to be let go."""

    released = 0

    async def read(self) -> bytes:
        return b""

    def release(self) -> None:
        self.released += 1


class Streaming(SlowLast):
    """Providers that answer with streams nobody asked for, and must hear how they end."""

    def __init__(self, upstream: Upstream) -> None:
        super().__init__(lambda: Stream(200, CIMultiDict(), b"", upstream))
        self.outcomes: list[str] = []

    async def __call__(self, call: Call) -> Answer:
        answer = await super().__call__(call)
        call.served_by = "provider-a"
        call.endings.append(self.outcomes.append)
        return answer


def test_a_stream_that_nobody_takes_is_let_go() -> None:
    """The one who led leaves while another waits: the stream ends as cancelled, and the other one has its own."""

    async def test() -> None:
        upstream = Upstream()
        stage, last, other = cached(Clock()), Streaming(upstream), ask_for("a")
        waiting = [asyncio.ensure_future(stage(call, last)) for call in (ask_for("a"), other)]
        await settle()
        waiting[0].cancel()
        await settle()
        last.go.set()
        assert isinstance(await waiting[1], Stream)
        assert (len(last.calls), upstream.released, last.outcomes) == (2, 1, ["cancelled"])
        other.ended("ok")
        assert (other.served_by, last.outcomes) == ("provider-a", ["cancelled", "ok"])

    run(test)


def test_a_renewal_that_streams_is_let_go() -> None:
    """Nobody waits for it."""

    async def test() -> None:
        clock, upstream = Clock(), Upstream()
        stage, streaming = cached(clock, ttl_s=10, stale_while_revalidate_s=5), Streaming(upstream)
        await stage(ask_for("a"), Last(numbered()))
        clock.now_s += 12
        streaming.go.set()
        assert said(await stage(ask_for("a"), streaming)) == ("1", "STALE")
        await settle()
        assert (upstream.released, streaming.outcomes) == (1, ["cancelled"])

    run(test)
