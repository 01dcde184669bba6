"""The walk over the providers, with fake attempts and a fake clock: who is asked, when, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from multidict import CIMultiDict

from targets.reference.refgate.answer import Failure, Outgoing, Stream, Whole
from targets.reference.refgate.breaker import Breaker, State
from targets.reference.refgate.failover import Answered, Failover, GaveUp
from targets.reference.refgate.provider import Provider
from targets.reference.refgate.settings.retry import RetryConfig
from targets.reference.refgate.settings.timeouts import TimeoutConfig
from targets.reference.refgate.windows import FailureCount

OK = Whole(200, CIMultiDict(), b"fine")
DROPPED = Failure("dropped")
POST = Outgoing("POST", "/v1/chat/completions", CIMultiDict(), b"{}")
GET = Outgoing("GET", "/v1/models", CIMultiDict(), b"")
Result = Whole | Stream | Failure


@dataclass
class Scene:
    """Two providers that say what they are told to, and a notebook of who was asked and how long was waited."""

    retries: int = 3
    attempt_s: float = 1.0
    total_s: float = 10.0
    budget_reserve: float = 100.0
    says: dict[str, Callable[[], Result]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    limits_s: list[float] = field(default_factory=list)
    slept_s: list[float] = field(default_factory=list)
    outcomes: list[tuple[str, str]] = field(default_factory=list)
    now_s: float = 0.0

    def __post_init__(self) -> None:
        self.providers = [
            Provider(
                name,
                f"http://{name}",
                Breaker(FailureCount(failures=5, window_s=2.0), open_s=2.0, clock=lambda: self.now_s),
            )
            for name in ("a", "b")
        ]
        self.failover = Failover(
            self.providers,
            self._send,
            timeouts=TimeoutConfig(connect_s=1, attempt_s=self.attempt_s, total_s=self.total_s, idle_s=1, body_s=1),
            retry=RetryConfig(
                retries=self.retries,
                backoff_s=0.1,
                backoff_cap_s=0.4,
                budget_ratio=0.0,
                budget_reserve=self.budget_reserve,
            ),
            observer=self,
            clock=lambda: self.now_s,
            sleep=self._sleep,
            draw=lambda: 0.5,
        )

    async def _send(self, provider: Provider, outgoing: Outgoing, limit_s: float) -> Result:
        self.asked.append(provider.name)
        self.limits_s.append(limit_s)
        return self.says.get(provider.name, lambda: OK)()

    async def _sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds

    def attempt_ended(self, provider: str, outcome: str) -> None:
        """Note it."""
        self.outcomes.append((provider, outcome))

    def ask(self, outgoing: Outgoing = POST) -> Answered | GaveUp:
        """Send one request through."""
        return asyncio.run(self.failover.answer(outgoing))

    def takes(self, seconds: float, result: Result) -> Callable[[], Result]:
        """Return an attempt that lets time pass."""

        def attempt() -> Result:
            self.now_s += seconds
            return result

        return attempt


def test_the_first_provider_is_asked_first_and_alone() -> None:
    """As long as it answers nobody else is asked."""
    scene = Scene()
    result = scene.ask()
    assert isinstance(result, Answered)
    assert result.provider.name == "a"
    assert scene.asked == ["a"]


def test_the_next_provider_is_asked_at_once() -> None:
    """Failing over does not wait."""
    scene = Scene(says={"a": lambda: DROPPED})
    assert isinstance(scene.ask(), Answered)
    assert scene.asked == ["a", "b"]
    assert scene.slept_s == []
    assert scene.outcomes == [("a", "dropped"), ("b", "ok")]


@pytest.mark.parametrize("retries", [0, 1, 2, 3, 10])
def test_attempts_are_bounded(retries: int) -> None:
    """There are never more than 1 + `retries` attempts."""
    scene = Scene(retries=retries, says={"a": lambda: DROPPED, "b": lambda: DROPPED})
    assert isinstance(scene.ask(), GaveUp)
    assert len(scene.asked) == min(1 + retries, 10)  # five failures open each breaker, which ends it too


def test_going_back_waits_longer_each_time() -> None:
    """With jitter at its middle: half of 0.2 s, then half of the cap of 0.4 s; the order of the providers stays."""
    scene = Scene(retries=5, says={"a": lambda: DROPPED, "b": lambda: DROPPED})
    scene.ask()
    assert scene.asked == ["a", "b", "a", "a", "a", "a"]
    assert scene.slept_s == pytest.approx([0.1, 0.2, 0.2, 0.2])


def test_retry_after_is_heeded() -> None:
    """Who wants to be left alone longer is asked later, and never before the time it named."""
    scene = Scene(
        retries=2,
        says={
            "a": lambda: Failure("status", 429, retry_after_s=3.0),
            "b": lambda: Failure("status", 503, retry_after_s=1.0),
        },
    )
    scene.ask()
    assert scene.asked == ["a", "b", "b"]
    assert scene.slept_s == [1.0]


def test_a_retry_after_beyond_the_deadline_ends_it() -> None:
    """Nobody waits for an answer that would come too late; the client is told when to come back."""
    scene = Scene(
        total_s=5.0,
        says={name: lambda: Failure("status", 429, retry_after_s=60.0) for name in ("a", "b")},
    )
    result = scene.ask()
    assert scene.asked == ["a", "b"]
    assert isinstance(result, GaveUp)
    assert result.retry_after_s == 60.0


def test_the_budget_ends_second_rounds_but_not_failover() -> None:
    """With an empty budget each provider is asked once, and none twice."""
    scene = Scene(budget_reserve=0.0, says={"a": lambda: DROPPED, "b": lambda: DROPPED})
    scene.ask()
    assert scene.asked == ["a", "b"]


def test_an_open_breaker_is_passed_by() -> None:
    """After five failures the first provider is not asked, and the second one answers without delay."""
    scene = Scene(says={"a": lambda: DROPPED})
    for _ in range(20):
        assert isinstance(scene.ask(), Answered)
    assert scene.asked.count("a") == 5
    assert scene.asked.count("b") == 20
    assert scene.slept_s == []


def test_all_breakers_open_is_said_at_once() -> None:
    """Nobody is asked, nobody waits, and the client learns when the first breaker lets a probe through."""
    scene = Scene(retries=1, says={"a": lambda: DROPPED, "b": lambda: DROPPED})
    for _ in range(5):
        scene.ask()
    scene.now_s += 0.5
    del scene.asked[:]
    result = scene.ask()
    assert result == GaveUp(None, 1.5)
    assert scene.asked == []
    assert scene.slept_s == []


def test_an_attempt_gets_what_is_left_of_the_total() -> None:
    """Attempts of 1 s within 2.5 s: the third one has half a second, and there is no fourth."""
    scene = Scene(retries=9, total_s=2.5, attempt_s=1.0)
    late = Failure("timeout")
    scene.says = {"a": scene.takes(1.0, late), "b": scene.takes(1.0, late)}
    scene.failover._draw = lambda: 0.0
    scene.ask()
    assert scene.asked == ["a", "b", "a"]
    assert scene.limits_s == [1.0, 1.0, 0.5]


def test_an_attempt_cut_short_is_no_verdict() -> None:
    """A second attempt that runs out of the total time does not count against its provider; a first one does."""
    late = Failure("timeout")
    scene = Scene(retries=1, total_s=0.3, attempt_s=0.25)
    scene.says = {"a": scene.takes(0.25, late), "b": scene.takes(0.05, late)}
    for _ in range(5):
        scene.ask()
    assert scene.asked == ["a", "b"] * 5
    assert [provider.breaker.state for provider in scene.providers] == [State.OPEN, State.CLOSED]
    impatient = Scene(retries=1, total_s=0.25, attempt_s=30.0)
    impatient.says = {"a": impatient.takes(0.25, late)}
    for _ in range(5):
        impatient.ask()
    assert impatient.providers[0].breaker.state is State.OPEN


def test_a_post_that_was_answered_in_part_is_not_sent_again() -> None:
    """It was executed; sending it again would execute it twice. A GET may be."""
    broken = Failure("dropped", partial=True)
    scene = Scene(says={"a": lambda: broken})
    result = scene.ask(POST)
    assert isinstance(result, GaveUp)
    assert scene.asked == ["a"]
    assert isinstance(scene.ask(GET), Answered)
    assert scene.asked == ["a", "a", "b"]


def test_a_client_that_leaves_frees_the_probe() -> None:
    """A cancelled probe is neither success nor failure, and the next request probes."""
    scene = Scene(says={"a": lambda: DROPPED})
    for _ in range(5):
        scene.ask()
    scene.now_s += 2.0
    breaker = scene.providers[0].breaker

    async def leave() -> None:
        asking = asyncio.Event()

        async def hang(provider: Provider, outgoing: Outgoing, limit_s: float) -> Result:
            asking.set()
            await asyncio.Event().wait()
            return OK

        scene.failover._send = hang
        request = asyncio.create_task(scene.failover.answer(POST))
        await asking.wait()
        assert breaker.admit() is None
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)

    asyncio.run(leave())
    assert scene.outcomes[-1] == ("a", "cancelled")
    assert breaker.state is State.HALF_OPEN
    assert breaker.admit() is not None
