"""Every answer has the OpenAI API's shape, and carries its stamp where gateways pass one on."""

from typing import Any

import orjson
import pytest

from gatebench.execution.upstream import answer
from gatebench.execution.upstream.chat import Refusal
from gatebench.stamp import find_stamp, find_stamps

OPENING = b"gb1~provider-a~7~100~00000000000000ff~tenant-1~~"
STAMP = b"gb1~provider-a~7~100~00000000000000ff~tenant-1~250~"
ODD_NAMES = ["gatebench-small", 'quoted "name"', "100%b", "%d%%", "zürich\n"]


def events(tokens: int, *, include_usage: bool = False) -> list[Any]:
    """The events of a stream, parsed; the terminal one as it is."""
    stream = answer.Events(OPENING, 1700, answer.quoted("m"), include_usage)
    sent = [stream.token(number, STAMP if number == tokens else b"") for number in range(1, tokens + 1)]
    sent += stream.ending(STAMP, 3, tokens)
    assert all(event.startswith(b"data: ") and event.endswith(b"\n\n") and event.count(b"\n") == 2 for event in sent)
    assert sent[-1] == b"data: [DONE]\n\n"
    return [orjson.loads(event[6:]) for event in sent[:-1]]


@pytest.mark.parametrize("model", ODD_NAMES)
def test_a_completion(model: str) -> None:
    """Any model's name survives, the words are numbered, the usage adds up, and the stamp is in three places."""
    body = answer.completion(STAMP, 1700, model, 40, 3)
    said = orjson.loads(body)
    stamp = STAMP.decode()
    assert said["model"] == model
    assert said["id"] == f"chatcmpl-{stamp}"
    assert said["system_fingerprint"] == stamp
    assert said["choices"][0]["message"]["content"] == f"w1 w2 w3 {stamp}"
    assert said["choices"][0]["finish_reason"] == "stop"
    assert said["usage"] == {"prompt_tokens": 40, "completion_tokens": 3, "total_tokens": 43}
    assert [said["object"], said["created"]] == ["chat.completion", 1700]
    assert len(find_stamps(body)) == 3


def test_a_stream_says_all_its_words_once() -> None:
    """The contents of the events, joined, are the stamp without a service time, the words, and the complete stamp."""
    said = events(3)
    content = "".join(event["choices"][0]["delta"].get("content", "") for event in said)
    assert content == f"{OPENING.decode()} w1 w2 w3 {STAMP.decode()}"
    assert [event["choices"][0]["finish_reason"] for event in said] == [None, None, None, "stop"]
    assert [event["choices"][0]["delta"].get("role") for event in said] == ["assistant", None, None, None]


def test_a_stream_of_one_word() -> None:
    """The first event is the last: it opens, says its word, and closes."""
    first, finish = events(1)
    assert first["choices"][0]["delta"]["content"] == f"{OPENING.decode()} w1 {STAMP.decode()}"
    assert finish["choices"][0]["delta"] == {}


def test_a_stream_has_one_id() -> None:
    """The id is the same in all events, as OpenAI's is; only the last ones know the service time."""
    said = events(3)
    assert {event["id"] for event in said} == {f"chatcmpl-{OPENING.decode()}"}
    assert [event["system_fingerprint"] == STAMP.decode() for event in said] == [False, False, True, True]
    assert {event["object"] for event in said} == {"chat.completion.chunk"}


def test_a_stream_that_is_cut_still_says_who_made_it() -> None:
    """The first event alone yields a stamp, without a service time; all of them yield the complete one."""
    stream = answer.Events(OPENING, 1700, answer.quoted("m"), False)
    cut = find_stamp(stream.token(1, b""))
    assert cut is not None
    assert (cut.attempt, cut.service_ns) == (7, None)
    whole = find_stamp(stream.token(1, b"") + stream.token(2, STAMP))
    assert whole is not None
    assert whole.service_ns == 250


def test_usage_is_told_when_asked_for() -> None:
    """One more event without choices holds it, and every other one says null, as OpenAI does."""
    assert all("usage" not in event for event in events(2))
    *before, usage = events(2, include_usage=True)
    assert usage["choices"] == []
    assert usage["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    assert [event["usage"] for event in before] == [None, None, None]


def test_the_list_of_models() -> None:
    """It has OpenAI's shape, and a stamp."""
    said = orjson.loads(answer.models(STAMP, 1700))
    assert said["object"] == "list"
    assert said["data"][0] == {"id": "gatebench-small", "object": "model", "created": 1700, "owned_by": "gatebench"}
    assert said["system_fingerprint"] == STAMP.decode()


@pytest.mark.parametrize(("status", "kind"), [(400, "invalid_request_error"), (503, "server_error")])
def test_an_error(status: int, kind: str) -> None:
    """It has OpenAI's four fields, and a stamp beside them."""
    said = orjson.loads(answer.error(STAMP, Refusal(status, 'not "this"', code="invalid_value", param="model")))
    assert said["error"] == {"message": 'not "this"', "type": kind, "param": "model", "code": "invalid_value"}
    assert said["id"] == f"chatcmpl-{STAMP.decode()}"
