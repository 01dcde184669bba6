"""Shedding and the default answer: who is refused first, and what is said when nobody answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from targets.reference.refgate.answer import Error, Whole
from targets.reference.refgate.call import Call
from targets.reference.refgate.errors import make_error
from targets.reference.refgate.settings.fallback import FallbackConfig
from targets.reference.refgate.settings.shedding import SheddingConfig
from targets.reference.refgate.stage import Stage
from targets.reference.refgate.stages.fallback import answer_by_default, fallback
from targets.reference.refgate.stages.shedding import Shedding, shedding
from tests.targets.calling import CHAT, Last, make_call, pass_through


def take_on(stage: Stage, priority: str, times: int) -> list[Call]:
    """Return those of `times` requests that were taken on; they go on."""
    calls = [make_call(x_priority=priority) for _ in range(times)]
    return [call for call in calls if isinstance(pass_through(stage, call, outcome=None), Whole)]


def test_the_least_important_are_refused_first() -> None:
    """Of ten places low fills five, normal up to eight, high all; nobody gets an eleventh."""
    stage = Shedding(10)
    assert len(take_on(stage, "low", 20)) == 5
    assert len(take_on(stage, "normal", 20)) == 3
    assert len(take_on(stage, "low", 20)) == 0
    assert len(take_on(stage, "high", 20)) == 2
    assert len(take_on(stage, "high", 20)) == 0


def test_high_alone_fills_every_place() -> None:
    """And while it does, nobody below is taken on: no priority is turned upside down."""
    stage = Shedding(10)
    assert len(take_on(stage, "high", 20)) == 10
    assert take_on(stage, "normal", 1) == take_on(stage, "low", 1) == []


def test_a_place_is_free_when_the_request_has_ended() -> None:
    """However it ended, a stream's end included."""
    stage = Shedding(1)
    for outcome in ("ok", "broken", "cancelled", "failed"):
        [call] = take_on(stage, "high", 3)
        call.ended(outcome)


def test_who_is_shed_is_told_when_to_come_back() -> None:
    """503 with Retry-After, at once: nothing behind is asked."""
    stage, last = Shedding(1), Last()
    take_on(stage, "high", 1)
    answer = pass_through(stage, make_call(), last)
    assert isinstance(answer, Error)
    assert (answer.status, answer.code, answer.outcome, answer.headers["Retry-After"]) == (
        503,
        "overloaded",
        "shed",
        "1",
    )
    assert last.calls == []


def test_one_place_is_a_place_for_everybody() -> None:
    """A share of one is still one."""
    for priority in ("low", "normal", "high"):
        assert len(take_on(Shedding(1), priority, 5)) == 1


def test_off_is_off() -> None:
    """Neither stage is built unless asked for."""
    assert shedding(SheddingConfig()) is None
    assert isinstance(shedding(SheddingConfig(in_flight=3)), Shedding)
    assert fallback(FallbackConfig()) is None
    assert fallback(FallbackConfig(kind="default")) is answer_by_default


def answered(asked: Mapping[str, Any], path: str = CHAT, outcome: str = "failed") -> Whole | Error:
    """Return what a client gets when the providers end in an error with `outcome`."""
    last = Last(lambda: make_error(502, "provider_failed", "no", outcome=outcome))
    answer = pass_through(answer_by_default, make_call(body=json.dumps(asked).encode(), path=path), last)
    assert isinstance(answer, Whole | Error)
    return answer


@pytest.mark.parametrize("outcome", ["failed", "refused"])
def test_a_chat_has_a_default_answer(outcome: str) -> None:
    """A whole completion that finished, marked by a header, billing nothing."""
    answer = answered({"model": "m"}, f"{CHAT}?trace=1", outcome)
    assert isinstance(answer, Whole)
    assert (answer.status, answer.headers["X-Fallback"]) == (200, "default")
    body = json.loads(answer.body)
    assert body["choices"][0]["finish_reason"] == "stop"
    assert (body["model"], body["object"], body["usage"]["total_tokens"]) == ("m", "chat.completion", 0)
    assert b'"finish_reason":"stop"' in answer.body


def test_a_streamed_chat_has_a_streamed_default() -> None:
    """One piece, the finish, the end: what a client of streams can read."""
    answer = answered({"model": "m", "stream": True})
    assert isinstance(answer, Whole)
    assert answer.headers["Content-Type"] == "text/event-stream"
    events = answer.body.decode().split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    pieces = [json.loads(event.removeprefix("data: ")) for event in events[:-2]]
    assert [piece["choices"][0]["finish_reason"] for piece in pieces] == [None, "stop"]


def test_a_message_has_a_default_answer() -> None:
    """In Anthropic's shape."""
    answer = answered({"model": "m"}, "/v1/messages")
    assert isinstance(answer, Whole)
    assert json.loads(answer.body)["stop_reason"] == "end_turn"


@pytest.mark.parametrize(("path", "outcome"), [("/v1/embeddings", "failed"), ("/rest/a", "refused"), (CHAT, "limited")])
def test_everything_else_stays_an_error(path: str, outcome: str) -> None:
    """Nobody could use an invented embedding, and an error of the client's making is not the providers' failure."""
    assert isinstance(answered({}, path, outcome), Error)


def test_a_broken_body_is_no_reason_to_break() -> None:
    """What is no JSON has a default answer of no model."""
    last = Last(lambda: make_error(502, "provider_failed", "no", outcome="failed"))
    answer = pass_through(answer_by_default, make_call(body=b"no json"), last)
    assert answer.status == 200
