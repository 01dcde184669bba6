"""The limiter as a stage: who is counted, what the client is told, what a broken store means, what tokens cost."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from targets.reference.refgate.answer import Answer, Error, Whole
from targets.reference.refgate.call import Call
from targets.reference.refgate.config import Config
from targets.reference.refgate.errors import make_error
from targets.reference.refgate.limits.limit import Admission, Limit
from targets.reference.refgate.limits.memory import MemoryStore
from targets.reference.refgate.limits.store import StoreFault
from targets.reference.refgate.metrics import Metrics
from targets.reference.refgate.settings.limiter import LimiterConfig
from targets.reference.refgate.shared import Shared
from targets.reference.refgate.stages.limiter import Limiter, limiter
from targets.reference.refgate.usage import UsageTap, estimated_tokens, used_tokens
from tests.targets.calling import Clock, Last, fine, make_call
from tests.targets.test_reference_parts import good_config


class Broken:
    """A store that does not answer."""

    async def admit(self, client: str, limit: Limit, cost: int) -> Admission:
        """Fail."""
        raise StoreFault("did not answer in time")

    async def settle(self, client: str, limit: Limit, ticket: str, more: int) -> None:
        """Fail."""
        raise StoreFault("did not answer in time")


class Scene:
    """A limiter in front of a last stage, on a clock that stands still."""

    def __init__(self, algorithm: str, **config: Any) -> None:
        self.clock = Clock()
        self.config = LimiterConfig(algorithm=algorithm, **config)
        assert self.config.algorithm != "off"
        self.shared = Shared((), Metrics())
        self.stage = Limiter(MemoryStore(self.config.algorithm, self.clock), self.config, self.shared)
        self.last = Last()

    def ask(self, *calls: Call, ending: bool = True) -> list[Answer]:
        """Let calls pass, one after the other; each ends before the next begins unless `ending` is False."""

        async def one_by_one() -> list[Answer]:
            answers = []
            for call in calls:
                answers.append(await self.stage(call, self.last))
                if ending:
                    call.ended("ok")
                    await asyncio.sleep(0)
            return answers

        return asyncio.run(one_by_one())

    def statuses(self, *calls: Call, ending: bool = True) -> list[int]:
        """Return the status of each answer."""
        return [answer.status for answer in self.ask(*calls, ending=ending)]


def test_each_tenant_has_its_own_limit() -> None:
    """A flood of one leaves the other whole; who is nobody shares one limit with all nobodies."""
    scene = Scene("token-bucket", rate=10, burst=2)
    calls = [make_call(tenant) for tenant in ("a", "a", "a", "b", "", "", "", "a")]
    assert scene.statuses(*calls) == [200, 200, 429, 200, 200, 200, 429, 429]


def test_the_client_is_told_what_is_left() -> None:
    """The fields of the draft, on what is admitted as on what is not: whole seconds, rounded up."""
    scene = Scene("token-bucket", rate=10, period_s=60.0, burst=2)
    first, _, refused = scene.ask(*(make_call("a") for _ in range(3)))
    assert dict(first.headers) == {
        "Content-Type": "application/json",
        "RateLimit-Limit": "2",
        "RateLimit-Remaining": "1",
        "RateLimit-Reset": "6",
        "RateLimit-Policy": "10;w=60;burst=2",
    }
    assert isinstance(refused, Error)
    assert (refused.status, refused.code, refused.kind) == (429, "rate_limit_exceeded", "requests")
    assert dict(refused.headers) == {
        "Retry-After": "6",
        "RateLimit-Limit": "2",
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": "12",
        "RateLimit-Policy": "10;w=60;burst=2",
    }
    assert "try again in 6.000s" in refused.message


@pytest.mark.parametrize(("after_s", "header"), [(0.0, "2"), (0.4, "2"), (0.5, "1"), (1.4, "1")])
def test_retry_after_is_the_first_whole_second(after_s: float, header: str) -> None:
    """Of 1.5 s: two seconds; then it is admitted, and a second earlier it was not."""
    scene = Scene("sliding-log", rate=1, period_s=1.5)
    scene.ask(make_call())
    scene.clock.now_s += after_s
    [refused] = scene.ask(make_call())
    assert refused.headers["Retry-After"] == header
    assert "RateLimit-Policy" not in refused.headers  # its window would be whole seconds
    scene.clock.now_s += int(header)
    assert scene.statuses(make_call()) == [200]


def test_tiers_have_limits_of_their_own() -> None:
    """free: 2, pro: 3, unlimited: none, and any other tier the default of 1."""
    scene = Scene("fixed-window", rate=1, period_s=10.0, tiers="free=2/10s, pro=3/500ms,unlimited")
    passed = {
        tier: sum(status == 200 for status in scene.statuses(*(make_call("a", tier=tier) for _ in range(5))))
        for tier in ("", "free", "pro", "unlimited", "other")
    }
    assert passed == {"": 1, "free": 2, "pro": 3, "unlimited": 5, "other": 0}  # "" and other share one limit and tenant
    [answer] = scene.ask(make_call("a", tier="unlimited"))
    assert "RateLimit-Limit" not in answer.headers


def test_a_tiers_bucket_is_as_large_as_its_rate() -> None:
    """The burst is of those whose tier has no limit of its own."""
    config = LimiterConfig(algorithm="gcra", rate=10, burst=20, tiers="free=3/1m,unlimited")
    assert config.limit == Limit(10, 1_000_000, 20)
    assert config.tier_limits() == {"free": Limit(3, 60_000_000, 3), "unlimited": None}


def test_places_are_free_when_a_request_has_ended() -> None:
    """Two at the same time; a stream that is under way keeps its place until its end."""
    scene = Scene("concurrency", rate=2)
    running = [make_call("a") for _ in range(3)]
    assert scene.statuses(*running, ending=False) == [200, 200, 429]

    async def end() -> None:
        running[0].ended("cancelled")
        await asyncio.sleep(0)

    asyncio.run(end())
    assert scene.statuses(make_call("a"), make_call("a"), ending=False) == [200, 429]


@pytest.mark.parametrize(("policy", "status", "reached"), [("open", 200, 2), ("closed", 503, 0)])
def test_a_store_that_fails(policy: str, status: int, reached: int, caplog: pytest.LogCaptureFixture) -> None:
    """Open: everybody passes, uncounted; closed: nobody. A row of faults is one line of the log."""
    config = LimiterConfig(algorithm="gcra", on_store_fault=policy)
    shared = Shared((), Metrics())
    stage, last = Limiter(Broken(), config, shared), Last()

    async def twice() -> list[Answer]:
        return [await stage(make_call(), last) for _ in range(2)]

    with caplog.at_level(logging.WARNING, "refgate"):
        answers = asyncio.run(twice())
    assert [answer.status for answer in answers] == [status] * 2
    assert len(last.calls) == reached
    assert len(caplog.records) == 1
    assert b"refgate_limiter_store_faults_total 2.0" in shared.metrics.render()
    assert ("Retry-After" in answers[0].headers) == (policy == "closed")


def prompt(characters: int) -> bytes:
    """Return a chat request with that much text."""
    return json.dumps({"messages": [{"role": "user", "content": "x" * characters}]}).encode()


def billing(tokens: int) -> Callable[[], Whole]:
    """Return an answer that bills `tokens`."""
    return lambda: fine(json.dumps({"usage": {"prompt_tokens": 1, "total_tokens": tokens}}).encode())


def test_tokens_are_estimated_before_and_counted_after() -> None:
    """100 tokens a minute: 10 are estimated, 90 billed; then 10 are left for one request of 10 and none for the next."""
    scene = Scene("sliding-log", rate=100, period_s=60.0, counts="tokens")
    scene.last.answer = billing(90)
    [answer] = scene.ask(make_call("a", body=prompt(40)))
    assert answer.headers["RateLimit-Remaining"] == "90"
    assert scene.statuses(make_call("a", body=prompt(44))) == [429]
    scene.last.answer = billing(10)
    assert scene.statuses(make_call("a", body=prompt(40)), make_call("a", body=prompt(4))) == [200, 429]
    [refused] = scene.ask(make_call("a", body=prompt(4)))
    assert isinstance(refused, Error)
    assert refused.kind == "tokens"


def test_a_request_that_nobody_answered_costs_no_tokens() -> None:
    """The estimate is given back when the gateway itself had to answer."""
    scene = Scene("sliding-log", rate=100, period_s=60.0, counts="tokens")
    scene.last.answer = lambda: make_error(502, "provider_failed", "no", outcome="failed")
    assert scene.statuses(*(make_call("a", body=prompt(400)) for _ in range(3))) == [502] * 3


def test_an_answer_that_does_not_bill_costs_its_estimate() -> None:
    """There is nothing better to count."""
    scene = Scene("sliding-log", rate=100, period_s=60.0, counts="tokens")
    assert scene.statuses(*(make_call("a", body=prompt(200)) for _ in range(3))) == [200, 200, 429]


@pytest.mark.parametrize(
    ("asked", "tokens"),
    [
        ({"messages": [{"role": "user", "content": "12345"}, {"role": "system", "content": "678"}]}, 2),
        ({"system": "1234", "messages": [{"role": "user", "content": [{"type": "text", "text": "12345"}]}]}, 3),
        ({"input": ["1234", "5678"]}, 2),
        ({"prompt": "1"}, 1),
        ({}, 1),
        ([], 1),
    ],
)
def test_prompts_are_estimated(asked: object, tokens: int) -> None:
    """Four characters are a token, rounded up; whatever has no text is one."""
    assert estimated_tokens(json.dumps(asked).encode()) == tokens


@pytest.mark.parametrize(
    ("answer", "tokens"),
    [
        (b'{"usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}', 7),
        (b'{"usage": {"input_tokens": 3, "output_tokens": 4}}', 7),
        (b'{"usage": null}', None),
        (b"[]", None),
        (b"no json", None),
    ],
)
def test_answers_say_what_they_bill(answer: bytes, tokens: int | None) -> None:
    """OpenAI's and Anthropic's usage are understood; nothing else is guessed."""
    assert used_tokens(answer) == tokens


def test_streams_say_what_they_bill() -> None:
    """Cut anywhere: OpenAI's last event, Anthropic's first and last; without either the events are what is known."""
    openai = b'data: {"usage":null}\n\ndata: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":9,"total_tokens":12}}\n\n'
    anthropic = (
        b'data: {"message":{"usage":{"input_tokens":5,"output_tokens":1}}}\n\n'
        b'data: {"type":"message_delta","usage":{"output_tokens":8}}\n\n'
    )
    for stream, tokens in ((openai, 12), (anthropic, 13), (b'data: {"token": 1}\n\ndata: [DONE]\n\n', None)):
        for size in (1, 7, 1000):
            tap = UsageTap()
            for start in range(0, len(stream), size):
                tap(stream[start : start + size])
            assert (tap.tokens, tap.events) == (tokens, 2)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"tiers": "free=many"}, "is no tier"),
        ({"tiers": "free=0/1s"}, "admits nobody"),
        ({"algorithm": "concurrency", "counts": "tokens"}, "counts requests"),
        ({"rate": 10**9, "period_s": 3600}, "too large"),
    ],
)
def test_limits_that_cannot_be(config: dict[str, Any], told: str) -> None:
    """Each is refused at the start, in a sentence."""
    with pytest.raises(ValidationError, match=told):
        LimiterConfig(**config)


def test_redis_needs_its_store() -> None:
    """The mistake is told before anything starts; off is off, and builds nothing."""
    with pytest.raises(ValidationError, match="no store_url"):
        Config.model_validate(good_config() | {"limiter": {"algorithm": "gcra", "store": "redis"}})
    assert limiter(LimiterConfig(), Shared((), Metrics())) is None
    assert isinstance(limiter(LimiterConfig(algorithm="gcra"), Shared((), Metrics())), Limiter)
