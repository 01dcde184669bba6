"""The end of the chain: when no provider answers, the client gets something it can show instead of an error."""

from __future__ import annotations

import json
import time
from typing import Any

from multidict import CIMultiDict

from ..answer import Answer, Error, Whole
from ..call import Call
from ..settings.fallback import FallbackConfig
from ..stage import Next, Stage

_TEXT = "The assistant is not available at the moment. Please try again later."
_NAME = "fallback"


def fallback(config: FallbackConfig) -> Stage | None:
    """Return the stage that `config` asks for."""
    return answer_by_default if config.kind == "default" else None


async def answer_by_default(call: Call, next: Next) -> Answer:
    """Replace the error of providers that failed with a canned answer, marked by `X-Fallback: default`.

    Only chats have one: nobody could use an invented embedding.
    """
    answer = await next(call)
    if not isinstance(answer, Error) or answer.outcome not in ("refused", "failed"):
        return answer
    asked = _asked(call.body)
    path = call.path.partition("?")[0]
    if path == "/v1/chat/completions":
        body, kind = _completion(asked)
    elif path == "/v1/messages" and asked.get("stream") is not True:
        body, kind = json.dumps(_message(asked)).encode(), "application/json"
    else:
        return answer
    call.served_by = _NAME
    return Whole(200, CIMultiDict({"Content-Type": kind, "X-Fallback": "default"}), body)


def _asked(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body)
    except ValueError:
        return {}
    return asked if isinstance(asked, dict) else {}


def _completion(asked: dict[str, Any]) -> tuple[bytes, str]:
    """Return a chat completion, as a stream if that was asked for: one piece, the finish, the end."""
    common = {"id": f"chatcmpl-{_NAME}", "created": int(time.time()), "model": asked.get("model", _NAME)}
    if asked.get("stream") is not True:
        choice = {"index": 0, "message": {"role": "assistant", "content": _TEXT}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        whole = {**common, "object": "chat.completion", "choices": [choice], "usage": usage}
        return json.dumps(whole, separators=(",", ":")).encode(), "application/json"
    pieces = [
        {"index": 0, "delta": {"role": "assistant", "content": _TEXT}, "finish_reason": None},
        {"index": 0, "delta": {}, "finish_reason": "stop"},
    ]
    events = [
        json.dumps({**common, "object": "chat.completion.chunk", "choices": [piece]}, separators=(",", ":"))
        for piece in pieces
    ]
    return "".join(f"data: {event}\n\n" for event in (*events, "[DONE]")).encode(), "text/event-stream"


def _message(asked: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"msg_{_NAME}",
        "type": "message",
        "role": "assistant",
        "model": asked.get("model", _NAME),
        "content": [{"type": "text", "text": _TEXT}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }
