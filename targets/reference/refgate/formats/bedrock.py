"""Anthropic's models on Amazon Bedrock: POST /model/ID/invoke.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html. A streamed request
is asked for whole and given out as a stream of one piece: Bedrock's own streams are not server-sent events.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from ..answer import Outgoing, Whole
from .anthropic import MessageEvents, translated
from .completion import Chunks, Usage, error, wants_usage
from .contract import Untranslatable, as_json
from .messages import messages_body

_VERSION = "bedrock-2023-05-31"
_CODES = {
    "AccessDeniedException": "invalid_api_key",
    "ResourceNotFoundException": "model_not_found",
    "ThrottlingException": "rate_limit_exceeded",
}


class Bedrock:
    """Asks one model by its id in the path. Bedrock takes API keys as bearer tokens, so the client's passes on."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    def request(self, outgoing: Outgoing, chat: dict[str, Any]) -> Outgoing:
        """Return the invocation of the model."""
        model = chat.get("model")
        if not isinstance(model, str) or not model:
            raise Untranslatable("model", '"model" is missing. Name the model.')
        body = {"anthropic_version": _VERSION, **messages_body(chat)}
        if isinstance(chat.get("user"), str):
            body["metadata"] = {"user_id": chat["user"]}
        path = f"/model/{quote(model, safe='')}/invoke"
        return replace(outgoing, path=path, body=json.dumps(body).encode())

    def answer(self, chat: dict[str, Any], answer: Whole) -> Whole:
        """Return the message as a completion, or as the stream that was asked for, an error as OpenAI's."""
        if answer.status >= 400:
            return _refused(answer)
        whole = translated(answer, int(self._clock()))
        return _as_stream(whole, chat) if chat.get("stream") is True else whole

    def events(self, chat: dict[str, Any]) -> MessageEvents:
        """Return the translator of a message's events, should somebody in between have made a stream of them."""
        return MessageEvents(int(self._clock()), with_usage=wants_usage(chat))


def _refused(answer: Whole) -> Whole:
    try:
        message = json.loads(answer.body)["message"]
    except (ValueError, KeyError, TypeError):
        return answer
    code = _CODES.get(answer.headers.get("x-amzn-ErrorType", "").partition(":")[0])
    return Whole(answer.status, as_json(answer.headers), error(answer.status, message, code))


def _as_stream(whole: Whole, chat: dict[str, Any]) -> Whole:
    try:
        said = json.loads(whole.body)
        choice, told = said["choices"][0], said["usage"]
    except (ValueError, KeyError, TypeError):
        return whole
    chunks = Chunks(said["id"], said["created"], said["model"], with_usage=wants_usage(chat))
    delta = {"role": "assistant", "content": choice["message"]["content"]}
    body = chunks.delta(delta) + chunks.delta({}, choice["finish_reason"])
    body += chunks.end(Usage(told["prompt_tokens"], told["completion_tokens"]))
    headers = whole.headers.copy()
    headers["Content-Type"] = "text/event-stream; charset=utf-8"
    return Whole(whole.status, headers, body)
