"""Where the reference gateway translates: who is, what cannot be, and streams as they come."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict

from targets.reference.refgate.answer import Failure, Outgoing, Stream, Whole
from targets.reference.refgate.formats.registry import build_formats
from targets.reference.refgate.provider import Provider
from targets.reference.refgate.translating import translating
from tests.targets.test_reference_formats import CHAT, chunks, events, message, outgoing
from tests.targets.test_reference_parts import provider


class Pieces:
    """The rest of a stream, in pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.released = False

    async def read(self) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def release(self) -> None:
        self.released = True


def send_through(
    result: Whole | Stream | Failure, sent: Outgoing, name: str = "provider-b"
) -> tuple[Any, list[Outgoing]]:
    """Return what comes of `result` when provider-b speaks Anthropic's, and what it was asked."""
    seen: list[Outgoing] = []

    async def send(one: Provider, asked: Outgoing, limit_s: float) -> Whole | Stream | Failure:
        seen.append(asked)
        return result

    async def run() -> Any:
        formats = build_formats({"provider-a": "openai", "provider-b": "anthropic"})
        return await translating(send, formats)(provider(name), sent, 1.0)

    return asyncio.run(run()), seen


def test_only_who_speaks_another_format_is_translated() -> None:
    """provider-a gets what was sent, and so does everybody for what is no chat."""
    for sent, name in (
        (outgoing(), "provider-a"),
        (outgoing(path="/v1/embeddings"), "provider-b"),
        (outgoing(path="/v1/messages"), "provider-b"),
    ):
        answer = message()
        result, seen = send_through(answer, sent, name)
        assert result is answer
        assert seen == [sent]


def test_a_translated_answer_can_be_read() -> None:
    """The provider is asked not to encode what must be translated."""
    result, seen = send_through(message(), outgoing(Accept_Encoding="gzip"))
    assert json.loads(result.body)["object"] == "chat.completion"
    assert seen[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("body", [b"no JSON", b"[]", json.dumps({**CHAT, "n": 3}).encode()])
def test_what_cannot_be_translated_is_refused_here(body: bytes) -> None:
    """400 in OpenAI's shape; the provider hears nothing."""
    result, seen = send_through(message(), outgoing(body))
    assert (result.status, seen) == (400, [])
    assert json.loads(result.body)["error"]["type"] == "invalid_request_error"


def test_failures_are_failures() -> None:
    """What did not come needs no translation."""
    assert send_through(Failure("dropped"), outgoing())[0] == Failure("dropped")


def test_a_stream_is_translated_as_it_comes() -> None:
    """Pieces that end within an event wait for the rest; the end of the stream is the end."""
    whole = events()
    pieces = Pieces(whole[500:510], whole[510:])
    result, _ = send_through(Stream(200, CIMultiDict(), whole[:500], pieces), outgoing({**CHAT, "stream": True}))
    assert isinstance(result, Stream)

    async def rest() -> bytes:
        said = b""
        while data := await result.upstream.read():
            said += data
        return said

    *_, done = chunks(result.first + asyncio.run(rest()))
    assert done == "[DONE]"
    result.upstream.release()
    assert pieces.released


def test_a_stream_of_nonsense_is_a_failure_before_its_first_token_and_a_break_after_it() -> None:
    """What cannot be translated is never shown as if it were whole."""
    pieces = Pieces()
    result, _ = send_through(Stream(200, CIMultiDict(), b"data: {\n\n", pieces), outgoing({**CHAT, "stream": True}))
    assert result == Failure("malformed")
    assert pieces.released
    later = Pieces(b"data: nonsense\n\n")
    result, _ = send_through(Stream(200, CIMultiDict(), events()[:700], later), outgoing({**CHAT, "stream": True}))
    with pytest.raises(aiohttp.ClientPayloadError):
        asyncio.run(result.upstream.read())
