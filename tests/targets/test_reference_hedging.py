"""Hedging, bulkheads and Retry-After in the walk over the providers: who is asked at the same time, and who is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from aiohttp import ClientResponse
from multidict import CIMultiDict

from targets.reference.refgate.answer import Failure, Outgoing, Stream, Whole
from targets.reference.refgate.breaker import Breaker, State
from targets.reference.refgate.bulkhead import Bulkhead
from targets.reference.refgate.failover import Answered, Failover, GaveUp
from targets.reference.refgate.provider import Provider
from targets.reference.refgate.settings.hedging import HedgingConfig
from targets.reference.refgate.settings.retry import RetryConfig
from targets.reference.refgate.settings.timeouts import TimeoutConfig
from targets.reference.refgate.windows import FailureCount

Result = Whole | Stream | Failure
OK = Whole(200, CIMultiDict(), b"fine")
DROPPED = Failure("dropped")
POST = Outgoing("POST", "/v1/chat/completions", CIMultiDict(), b"{}")
AT_ONCE_S, NEVER_S = 0.001, 60.0


class Upstream:
    """The rest of a stream, which somebody must release."""

    released = 0

    def release(self) -> None:
        """Note it."""
        self.released += 1


def stream(upstream: Upstream | None = None) -> Stream:
    """Return a stream that has begun."""
    return Stream(200, CIMultiDict(), b"data: 1\n\n", cast(ClientResponse, upstream or Upstream()))


async def hangs() -> Result:
    """Never answer."""
    await asyncio.Event().wait()
    return OK


async def answers() -> Result:
    """Answer at once."""
    return OK


async def drops() -> Result:
    """Fail at once."""
    return DROPPED


@dataclass
class Scene:
    """Providers that behave as they are told to."""

    hedge_after_s: float = AT_ONCE_S
    hedge_ratio: float = 1.0
    retries: int = 0
    places: int = 0
    slow_call_s: float = 0.0
    honours: bool = True
    behave: dict[str, Callable[[], Awaitable[Result]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    slept_s: list[float] = field(default_factory=list)
    outcomes: list[tuple[str, str]] = field(default_factory=list)
    now_s: float = 0.0

    def __post_init__(self) -> None:
        self.a, self.b = (
            Provider(
                name,
                f"http://{name}",
                Breaker(
                    FailureCount(failures=1, window_s=60.0),
                    open_s=60.0,
                    slow_call_s=self.slow_call_s,
                    clock=lambda: self.now_s,
                ),
                Bulkhead(self.places),
            )
            for name in ("a", "b")
        )
        self.failover = Failover(
            (self.a, self.b),
            self._send,
            timeouts=TimeoutConfig(connect_s=1, attempt_s=30, total_s=60, idle_s=1, body_s=1),
            retry=RetryConfig(
                retries=self.retries,
                backoff_s=0.1,
                backoff_cap_s=0.1,
                budget_ratio=0,
                budget_reserve=100,
                honours_retry_after=self.honours,
            ),
            hedging=HedgingConfig(after_s=self.hedge_after_s, ratio=self.hedge_ratio),
            observer=self,
            clock=lambda: self.now_s,
            sleep=self._sleep,
            draw=lambda: 0.5,
        )

    async def _send(self, provider: Provider, outgoing: Outgoing, limit_s: float) -> Result:
        self.asked.append(provider.name)
        return await self.behave.get(provider.name, answers)()

    async def _sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)

    def attempt_ended(self, provider: str, outcome: str) -> None:
        """Note it."""
        self.outcomes.append((provider, outcome))

    def ask(self, names: tuple[str, ...] | None = None) -> Answered | GaveUp:
        """Send one request through."""
        return asyncio.run(self.failover.answer(POST, names))


def name_of(result: Answered | GaveUp) -> str:
    """Return who answered."""
    assert isinstance(result, Answered)
    return result.provider.name


def test_a_second_provider_is_asked_when_the_first_takes_long() -> None:
    """The faster answer is the answer; the slower attempt is cancelled, without a verdict, and gives its place back."""
    scene = Scene(behave={"a": hangs})
    assert name_of(scene.ask()) == "b"
    assert scene.asked == ["a", "b"]
    assert scene.outcomes == [("b", "ok"), ("a", "cancelled")]
    assert [provider.breaker.state for provider in (scene.a, scene.b)] == [State.CLOSED] * 2
    assert scene.a.bulkhead.taken == scene.b.bulkhead.taken == 0


def test_a_quick_answer_is_not_hedged() -> None:
    """Nobody else is asked while there is time."""
    scene = Scene(hedge_after_s=NEVER_S)
    assert name_of(scene.ask()) == "a"
    assert scene.asked == ["a"]


def test_a_quick_failure_is_no_reason_to_hedge() -> None:
    """It is failed over from, which counts as an attempt and not as a hedge."""
    scene = Scene(hedge_after_s=NEVER_S, retries=1, behave={"a": drops})
    assert name_of(scene.ask()) == "b"
    assert scene.outcomes == [("a", "dropped"), ("b", "ok")]


def test_hedges_stay_a_share_of_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a quarter of a hundred slow requests: one at the start, and then one for every four."""
    scene = Scene(hedge_ratio=0.25)
    decide = scene.failover._another
    hedged = 0

    async def hundred() -> None:
        for _ in range(100):
            decided = asyncio.Event()

            def another(*args: Any, decided: asyncio.Event = decided) -> Coroutine[Any, Any, Any] | None:
                nonlocal hedged
                attempt = decide(*args)
                hedged += attempt is not None
                decided.set()
                return attempt

            async def waits(decided: asyncio.Event = decided) -> Result:
                await decided.wait()
                return OK

            monkeypatch.setattr(scene.failover, "_another", another)
            scene.behave = {"a": waits}
            assert isinstance(await scene.failover.answer(POST), Answered)

    asyncio.run(hundred())
    # The first request's quarter is lost because the reserve is full: 1 + 99 / 4, rounded down.
    assert hedged == scene.asked.count("b") == 25


def test_a_hedge_that_fails_leaves_the_first_its_time() -> None:
    """The first provider's answer is still the answer."""
    scene = Scene()
    hedged = asyncio.Event()

    async def when_hedged() -> Result:
        await hedged.wait()
        return OK

    async def fails() -> Result:
        hedged.set()
        return DROPPED

    scene.behave = {"a": when_hedged, "b": fails}
    assert name_of(scene.ask()) == "a"
    assert scene.outcomes == [("b", "dropped"), ("a", "ok")]


def test_both_failing_is_giving_up() -> None:
    """Two failures are both known, and further attempts go on from there."""
    scene = Scene()
    hedged = asyncio.Event()

    async def when_hedged() -> Result:
        await hedged.wait()
        return DROPPED

    async def fails() -> Result:
        hedged.set()
        return DROPPED

    scene.behave = {"a": when_hedged, "b": fails}
    result = scene.ask()
    assert isinstance(result, GaveUp)
    assert [provider.breaker.state for provider in (scene.a, scene.b)] == [State.OPEN] * 2


def test_the_stream_that_came_second_is_released() -> None:
    """Two streams begin in the same moment: one is the answer, the other's connection and place are given back."""
    scene, both = Scene(places=2), asyncio.Event()
    upstreams = {"a": Upstream(), "b": Upstream()}

    def begins(name: str) -> Callable[[], Awaitable[Result]]:
        async def begin() -> Result:
            if len(scene.asked) == 2:
                both.set()
            await both.wait()
            return stream(upstreams[name])

        return begin

    scene.behave = {name: begins(name) for name in upstreams}
    winner = name_of(scene.ask())
    loser = "b" if winner == "a" else "a"
    assert (upstreams[winner].released, upstreams[loser].released) == (0, 1) or scene.outcomes == [
        (winner, "ok"),
        (loser, "cancelled"),
    ]
    assert scene.a.bulkhead.taken + scene.b.bulkhead.taken == 1  # the winner's, until its stream ends


def test_a_client_that_leaves_ends_both() -> None:
    """Nothing goes on for nobody, and no place stays taken."""
    scene = Scene(places=1, behave={"a": hangs, "b": hangs})

    async def leave() -> None:
        request = asyncio.create_task(scene.failover.answer(POST))
        while len(scene.asked) < 2:
            await asyncio.sleep(0)
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)

    asyncio.run(leave())
    assert sorted(scene.outcomes) == [("a", "cancelled"), ("b", "cancelled")]
    assert scene.a.bulkhead.taken == scene.b.bulkhead.taken == 0


def test_a_slow_provider_is_told_though_others_were_faster() -> None:
    """Hedging does not hide it from its breaker: cancelled after `slow_call_s` is a slow call."""
    scene = Scene(slow_call_s=1.0, behave={"a": hangs})

    async def later() -> Result:
        scene.now_s += 1.0
        return OK

    scene.behave["b"] = later
    assert name_of(scene.ask()) == "b"
    assert scene.a.breaker.state is State.OPEN


def test_a_full_bulkhead_sends_the_next_request_elsewhere() -> None:
    """One place each: the third request finds no provider; when a stream ends, its place is free."""
    scene = Scene(hedge_after_s=0.0, places=1)

    async def begins() -> Result:
        return stream()

    scene.behave = {"a": begins, "b": begins}
    assert [name_of(scene.ask()), name_of(scene.ask())] == ["a", "b"]
    assert scene.ask() == GaveUp(None, 0.0)
    scene.a.bulkhead.leave()
    assert name_of(scene.ask()) == "a"


def test_a_whole_answer_gives_its_place_back() -> None:
    """However an attempt ends, its place is free afterwards."""
    scene = Scene(hedge_after_s=0.0, places=1, retries=1)
    for behave in (answers, drops, answers):
        scene.behave = {"b": behave}
        scene.ask(("b",))
    assert scene.b.bulkhead.taken == 0


def test_only_those_named_are_asked() -> None:
    """An order of one's own replaces the configured one, and nobody else is asked."""
    scene = Scene(hedge_after_s=0.0, retries=3, behave={"b": drops})
    assert name_of(scene.ask(("b", "a"))) == "a"
    assert isinstance(Scene(hedge_after_s=0.0, behave={"b": drops}).ask(("b",)), GaveUp)
    assert scene.asked == ["b", "a"]


@pytest.mark.parametrize(("honours", "pause_s"), [(True, 7.0), (False, 0.05)])
def test_retry_after_is_honoured_if_asked_for(honours: bool, pause_s: float) -> None:
    """Both said 429 with seven seconds: the second round waits for them, or only its jitter."""
    scene = Scene(hedge_after_s=0.0, retries=2, honours=honours)
    for provider in (scene.a, scene.b):
        provider.breaker._window = FailureCount(failures=100, window_s=60.0)

    async def refuses() -> Result:
        return Failure("status", 429, retry_after_s=7.0)

    scene.behave = {"a": refuses, "b": refuses}
    assert isinstance(scene.ask(), GaveUp)
    assert scene.slept_s == [pause_s] or (not honours and scene.slept_s == [pytest.approx(pause_s)])
