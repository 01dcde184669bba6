"""Lets providers of other APIs answer chat requests: between the failover, which knows no formats, and the attempt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import aiohttp
from multidict import CIMultiDict

from .answer import Failure, Outgoing, Stream, Whole
from .failover import Send
from .formats.completion import error
from .formats.contract import Events, Format, Untranslatable, is_chat
from .provider import Provider
from .upstream import Upstream

_MALFORMED = (ValueError, KeyError, TypeError, AttributeError)


def translating(send: Send, formats: Mapping[str, Format]) -> Send:
    """Return what sends like `send`, in the format of each provider; providers without one speak OpenAI's."""
    if not formats:
        return send

    async def sent(provider: Provider, outgoing: Outgoing, limit_s: float) -> Whole | Stream | Failure:
        format_ = formats.get(provider.name)
        if format_ is None or not is_chat(outgoing):
            return await send(provider, outgoing, limit_s)
        try:
            chat = json.loads(outgoing.body)
            if not isinstance(chat, dict):
                raise Untranslatable("", "The body is JSON but not an object. Send one JSON object.")
            asked = format_.request(outgoing, chat)
        except Untranslatable as told:
            return _refused(str(told), told.param)
        except ValueError as told:
            return _refused(f"The body is not JSON ({told}). Send one JSON object.", "")
        asked.headers["Accept-Encoding"] = "identity"  # what is to be translated must be readable
        result = await send(provider, asked, limit_s)
        if isinstance(result, Whole):
            return format_.answer(chat, result)
        return _translated(result, format_.events(chat)) if isinstance(result, Stream) else result

    return sent


def _refused(message: str, param: str) -> Whole:
    body = error(400, message, "unsupported_value", param or None)
    return Whole(400, CIMultiDict({"Content-Type": "application/json"}), body)


def _translated(stream: Stream, events: Events) -> Stream | Failure:
    try:
        first = events.feed(stream.first)
    except _MALFORMED:
        stream.upstream.release()
        return Failure("malformed")
    return replace(stream, first=first, upstream=TranslatedUpstream(stream.upstream, events))


class TranslatedUpstream:
    """A stream whose events are translated as they come."""

    def __init__(self, upstream: Upstream, events: Events) -> None:
        self._upstream = upstream
        self._events = events

    async def read(self) -> bytes:
        """Return the next events; nothing comes of some, which is no end."""
        while data := await self._upstream.read():
            try:
                said = self._events.feed(data)
            except _MALFORMED as wrong:
                raise aiohttp.ClientPayloadError(f"an event that cannot be translated: {wrong!r}") from wrong
            if said:
                return said
        return b""

    def release(self) -> None:
        """Let the provider's stream go."""
        self._upstream.release()
