"""Chat completions, their chunks and errors, as OpenAI's clients read them."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

DONE = b"data: [DONE]\n\n"

_FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


class Usage(NamedTuple):
    """Tokens of the prompt and of the answer."""

    prompt: int
    completion: int

    def fields(self) -> dict[str, int]:
        """Return them as OpenAI bills them."""
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
        }


def finish_reason(stop_reason: str | None) -> str:
    """Return OpenAI's word for Anthropic's reason to stop."""
    return _FINISHES.get(stop_reason or "", "stop")


def completion(id_: str, created_s: int, model: str, *, text: str, finish: str, usage: Usage) -> dict[str, Any]:
    """Return a completion with one choice."""
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": id_,
        "object": "chat.completion",
        "created": created_s,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": usage.fields(),
    }


class Chunks:
    """Writes the chunks of one stream; `with_usage` as the client asked for with `stream_options.include_usage`."""

    def __init__(self, id_: str, created_s: int, model: str, *, with_usage: bool) -> None:
        self._head = {"id": id_, "object": "chat.completion.chunk", "created": created_s, "model": model}
        self._with_usage = with_usage

    def delta(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        """Return a chunk that adds to the message, or ends it."""
        usage = {"usage": None} if self._with_usage else {}
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event({**self._head, "choices": [choice], **usage})

    def end(self, usage: Usage) -> bytes:
        """Return the usage, if it is wanted, and the terminal event."""
        last = event({**self._head, "choices": [], "usage": usage.fields()}) if self._with_usage else b""
        return last + DONE


def event(what: dict[str, Any]) -> bytes:
    """Return one server-sent event."""
    return b"data: " + json.dumps(what, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"


def wants_usage(chat: dict[str, Any]) -> bool:
    """Tell whether a streamed request asks for its usage."""
    options = chat.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def error(status: int, message: str, code: str | None, param: str | None = None) -> bytes:
    """Return the body of an error."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return json.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}}).encode()
