"""Anthropic's Messages API: https://docs.anthropic.com/en/api/messages."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..answer import Outgoing, Whole
from .completion import Chunks, Usage, completion, error, event, finish_reason, wants_usage
from .contract import as_json
from .messages import messages_body
from .sse import EventReader

_VERSION = "2023-06-01"
_CODES = {
    "authentication_error": "invalid_api_key",
    "not_found_error": "model_not_found",
    "rate_limit_error": "rate_limit_exceeded",
    "request_too_large": "body_too_large",
}


class Anthropic:
    """Asks /v1/messages; the client's key goes where Anthropic looks for it."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    def request(self, outgoing: Outgoing, chat: dict[str, Any]) -> Outgoing:
        """Return the request for a message."""
        body = {"model": chat.get("model"), **messages_body(chat)}
        if chat.get("stream") is True:
            body["stream"] = True
        if isinstance(chat.get("user"), str):
            body["metadata"] = {"user_id": chat["user"]}
        headers = outgoing.headers.copy()
        scheme, _, key = headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            headers.popall("Authorization")
            headers["x-api-key"] = key
        headers.setdefault("anthropic-version", _VERSION)
        return replace(outgoing, path="/v1/messages", headers=headers, body=json.dumps(body).encode())

    def answer(self, chat: dict[str, Any], answer: Whole) -> Whole:
        """Return a message as a completion, an error as OpenAI's."""
        return translated(answer, int(self._clock()))

    def events(self, chat: dict[str, Any]) -> MessageEvents:
        """Return the translator of a message's events."""
        return MessageEvents(int(self._clock()), with_usage=wants_usage(chat))


def translated(answer: Whole, created_s: int) -> Whole:
    """Return a whole answer of the Messages API in OpenAI's shape; what is not JSON stays as it is."""
    try:
        said = json.loads(answer.body)
        body = _error(answer.status, said) if answer.status >= 400 else _completion(said, created_s)
    except (ValueError, KeyError, TypeError, AttributeError):
        return answer
    return Whole(answer.status, as_json(answer.headers), body)


def message_id(id_: str) -> str:
    """Return a message's id as a completion's, the rest of it as it is: providers tell themselves by it."""
    return f"chatcmpl-{id_.removeprefix('msg_')}"


def usage_of(said: dict[str, Any]) -> Usage:
    """Return the usage; what was read from or written to Anthropic's prompt cache is part of the prompt."""
    parts = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return Usage(sum(said.get(name) or 0 for name in parts), said.get("output_tokens") or 0)


def _completion(said: dict[str, Any], created_s: int) -> bytes:
    text = "".join(block["text"] for block in said["content"] if block["type"] == "text")
    finish = finish_reason(said["stop_reason"])
    usage = usage_of(said["usage"])
    what = completion(message_id(said["id"]), created_s, said["model"], text=text, finish=finish, usage=usage)
    return json.dumps(what, separators=(",", ":"), ensure_ascii=False).encode()


def _error(status: int, said: dict[str, Any]) -> bytes:
    told = said["error"]
    return error(status, told["message"], _CODES.get(told["type"]))


class MessageEvents:
    """The chunks that a message's events become: one for its beginning, for each piece of text, and for its end."""

    def __init__(self, created_s: int, *, with_usage: bool) -> None:
        self._created_s = created_s
        self._with_usage = with_usage
        self._reader = EventReader()
        self._chunks = Chunks("chatcmpl-", created_s, "", with_usage=with_usage)
        self._usage = Usage(0, 0)

    def feed(self, data: bytes) -> bytes:
        """Return the chunks of the events that `data` completes."""
        return b"".join(self._chunk(json.loads(said)) for said in self._reader.feed(data))

    def _chunk(self, said: dict[str, Any]) -> bytes:
        match said.get("type"):
            case "message_start":
                message = said["message"]
                id_ = message_id(message["id"])
                self._chunks = Chunks(id_, self._created_s, message["model"], with_usage=self._with_usage)
                self._usage = usage_of(message["usage"])
                return self._chunks.delta({"role": "assistant", "content": ""})
            case "content_block_delta" if said["delta"].get("type") == "text_delta":
                return self._chunks.delta({"content": said["delta"]["text"]})
            case "message_delta":
                told = said.get("usage") or {}
                self._usage = self._usage._replace(completion=told.get("output_tokens", self._usage.completion))
                return self._chunks.delta({}, finish_reason(said["delta"].get("stop_reason")))
            case "message_stop":
                return self._chunks.end(self._usage)
            case "error":
                return event({"error": {"message": said["error"]["message"], "type": "server_error", "code": None}})
        return b""
