"""Anthropic's Messages API as a provider serves it: messages, their event streams, and errors.

https://docs.anthropic.com/en/api/messages and https://docs.anthropic.com/en/docs/build-with-claude/streaming. The
content is numbered words with the stamp beside them, as in a chat completion.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import orjson

from gatebench.execution.upstream.answer import quoted, words
from gatebench.execution.upstream.api import Whole
from gatebench.execution.upstream.chat import Refusal
from gatebench.execution.upstream.connection import Request
from gatebench.execution.upstream.messages import MessagesRequest, parse_messages
from gatebench.execution.upstream.openai import body_of
from gatebench.execution.upstream.rejection import anthropic_headers

_MESSAGE: Final = (
    b'{"id":"msg_%%b","type":"message","role":"assistant","model":%b,"content":[{"type":"text","text":"%b %%b"}],'
    b'"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":%%d,"cache_creation_input_tokens":0,'
    b'"cache_read_input_tokens":0,"output_tokens":%d}}'
)
_START: Final = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_%b","type":"message",'
    b'"role":"assistant","model":%b,"content":[],"stop_reason":null,"stop_sequence":null,'
    b'"usage":{"input_tokens":%d,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}}\n\n'
)
_BLOCK_START: Final = (
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"text","text":""}}\n\n'
)
_PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'
_DELTA: Final = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"%b"}}\n\n'
)
_BLOCK_STOP: Final = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
_END: Final = (
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
    b'"usage":{"output_tokens":%d}}\n\n'
)
STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

_KINDS: Final = {
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class MessageEvents(NamedTuple):
    """The server-sent events of one message; `opening` is the stamp without a service time."""

    opening: bytes
    model: bytes

    def opening_events(self, tokens_in: int) -> tuple[bytes, ...]:
        """Return the beginning of the message and of its one block, and a ping, which says nothing."""
        return (_START % (self.opening, self.model, tokens_in), _BLOCK_START, _PING)

    def token(self, number: int, closing: bytes) -> bytes:
        """Return the event of token `number`, from 1; `closing` is the complete stamp in the last one, else empty."""
        text = b" w%d" % number if number > 1 else b"%b w%d" % (self.opening, number)
        return _DELTA % (b"%b %b" % (text, closing) if closing else text)

    def ending(self, closing: bytes, tokens_in: int, tokens_out: int) -> tuple[bytes, ...]:
        """Return the ends of the block and of the message, its usage, and the terminal event."""
        return (_BLOCK_STOP, _END % tokens_out, STOP)


class Messages:
    """POST /v1/messages."""

    timed = True
    counts_tokens = True
    dialect = staticmethod(anthropic_headers)

    def read(self, request: Request) -> MessagesRequest:
        """Return the request for a message."""
        return parse_messages(body_of(request, b"POST"))

    def whole(self, asked: MessagesRequest, stamp: bytes, created_s: int, tokens_in: int) -> Whole:
        """Return the message."""
        body = _template(asked.model, asked.tokens) % (stamp, stamp, tokens_in)
        return 200, body, asked.tokens, b""

    def events(self, asked: MessagesRequest, opening: bytes, created_s: int) -> MessageEvents:
        """Return the events of a message."""
        return MessageEvents(opening, quoted(asked.model))

    def refused(self, stamp: bytes, refusal: Refusal) -> bytes:
        """Return an error; its request id says which provider refused when headers are lost."""
        kind = _KINDS.get(refusal.status, "invalid_request_error" if refusal.status < 500 else "api_error")
        what = {"type": kind, "message": refusal.message}
        return orjson.dumps({"type": "error", "error": what, "request_id": f"req_{stamp.decode()}"})


@lru_cache(maxsize=64)
def _template(model: str, tokens: int) -> bytes:
    """Return a message of so many words of that model, with gaps for what differs between messages."""
    return _MESSAGE % (quoted(model).replace(b"%", b"%%"), words(tokens), tokens)
