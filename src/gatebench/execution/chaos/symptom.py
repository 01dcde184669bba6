"""What is wrong with a provider's answer, in the words of a fault's proof; nothing is "answer"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import orjson

from gatebench.execution.chaos.question import Question

Met = (
    str  # answer, eof, reset, refused, hang, cut, stall, unterminated, malformed, content-type, usage, or "status 503"
)

_JSON: Final = "application/json"
_EVENTS: Final = "text/event-stream"
_WORD: Final = re.compile(r"w\d+")
_TERMINAL: Final = b"[DONE]"


class _Malformed(Exception):
    """It is not what the API answers with."""


class _Said(NamedTuple):
    """What an answer says: its text, the tokens that it counts, and whether it came to its end."""

    text: str
    tokens: tuple[int, ...]
    terminated: bool = True


def symptom(question: Question, status: int, content_type: str, body: bytes) -> Met:
    """Return what is wrong with an answer that was received whole."""
    if not 200 <= status < 300:
        return f"status {status}"
    if question.kind == "any":
        return "answer"
    if content_type.partition(";")[0].strip().lower() != (_EVENTS if question.stream else _JSON):
        return "content-type"
    return _unlike(question, body) or "answer"


def _unlike(question: Question, body: bytes) -> Met | None:
    """Return how the body differs from a right answer."""
    try:
        said = _READERS[question.kind, question.stream](body)
    except (_Malformed, orjson.JSONDecodeError, KeyError, IndexError, TypeError, AttributeError):
        return "malformed"
    if not said.terminated:
        return "unterminated"
    if _WORD.findall(said.text) != [f"w{number}" for number in range(1, question.tokens_out + 1)]:
        return "malformed"
    return None if said.tokens == _counted(question) else "usage"


def _counted(question: Question) -> tuple[int, ...]:
    """Return what a right answer counts, in the order in which its reader finds the numbers."""
    tokens_in, tokens_out = question.tokens_in, question.tokens_out
    match question.kind:
        case "chat":
            return tokens_in, tokens_out, tokens_in + tokens_out
        case "messages":
            return tokens_in, tokens_out
        case "embeddings":
            return tokens_in, tokens_in
    return ()


def _chat(body: bytes) -> _Said:
    said = orjson.loads(body)
    return _Said(_unstamped(said["choices"][0]["message"]["content"]), _openai_usage(said["usage"]))


def _chat_stream(body: bytes) -> _Said:
    text, terminated = "", False
    tokens: tuple[int, ...] = ()
    for _, data in _events(body):
        if terminated:
            raise _Malformed
        if data == _TERMINAL:
            terminated = True
            continue
        chunk = orjson.loads(data)
        if chunk["choices"]:
            text += chunk["choices"][0]["delta"].get("content", "")
        if chunk.get("usage") is not None:
            tokens = _openai_usage(chunk["usage"])
    return _Said(_unstamped(text), tokens, terminated)


def _message(body: bytes) -> _Said:
    said = orjson.loads(body)
    usage = said["usage"]
    return _Said(_unstamped(said["content"][0]["text"]), (usage["input_tokens"], usage["output_tokens"]))


def _message_stream(body: bytes) -> _Said:
    text, tokens_in, tokens_out, terminated = "", -1, -1, False
    for name, data in _events(body):
        event = orjson.loads(data)
        if terminated or event["type"] != name:
            raise _Malformed
        if name == "message_start":
            tokens_in = event["message"]["usage"]["input_tokens"]
        elif name == "content_block_delta":
            text += event["delta"]["text"]
        elif name == "message_delta":
            tokens_out = event["usage"]["output_tokens"]
        terminated = name == "message_stop"
    return _Said(_unstamped(text), (tokens_in, tokens_out), terminated)


def _embeddings(body: bytes) -> _Said:
    said = orjson.loads(body)
    if len(said["data"]) != 1:
        raise _Malformed
    return _Said("", (said["usage"]["prompt_tokens"], said["usage"]["total_tokens"]))


def _object(body: bytes) -> _Said:
    if not isinstance(orjson.loads(body), dict):
        raise _Malformed
    return _Said("", ())


_READERS: Final = {
    ("chat", False): _chat,
    ("chat", True): _chat_stream,
    ("messages", False): _message,
    ("messages", True): _message_stream,
    ("embeddings", False): _embeddings,
    ("models", False): _object,
    ("rest", False): _object,
}


def _openai_usage(usage: dict[str, Any]) -> tuple[int, ...]:
    return usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]


def _unstamped(text: str) -> str:
    """Return the words of a content without the stamps beside them."""
    return " ".join(word for word in text.split() if "~" not in word)


def _events(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield name and data of each server-sent event; read strictly, as `event: ` and `data: ` lines."""
    *blocks, rest = body.split(b"\n\n")
    if rest:
        raise _Malformed
    for block in blocks:
        name = ""
        *heads, last = block.split(b"\n")
        if heads and heads[0].startswith(b"event: "):
            name = heads[0].removeprefix(b"event: ").decode()
        if len(heads) > bool(name) or not last.startswith(b"data: "):
            raise _Malformed
        yield name, last.removeprefix(b"data: ")
