"""The bytes of every answer: completions, stream events, the list of models and errors, in the OpenAI API's shapes.

The content is numbered words (`w1 w2 w3 ...`), so that a token that is lost, doubled or out of order is seen, and the
stamp is one more word beside them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import orjson

from gatebench.execution.upstream.chat import Refusal

DONE = b"data: [DONE]\n\n"

_COMPLETION = (
    b'{"id":"chatcmpl-%%b","object":"chat.completion","created":%%d,"model":%b,"system_fingerprint":"%%b",'
    b'"choices":[{"index":0,"message":{"role":"assistant","content":"%b %%b","refusal":null},"logprobs":null,'
    b'"finish_reason":"stop"}],"usage":{"prompt_tokens":%%d,"completion_tokens":%d,"total_tokens":%%d}}'
)
_CHUNK = (
    b'data: {"id":"chatcmpl-%b","object":"chat.completion.chunk","created":%d,"model":%b,"system_fingerprint":"%b",'
    b'"choices":[{"index":0,"delta":{%b},"logprobs":null,"finish_reason":%b}]%b}\n\n'
)
_USAGE = (
    b'data: {"id":"chatcmpl-%b","object":"chat.completion.chunk","created":%d,"model":%b,"system_fingerprint":"%b",'
    b'"choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}\n\n'
)
_MODELS = (
    b'{"object":"list","system_fingerprint":"%b",'
    b'"data":[{"id":"gatebench-small","object":"model","created":%d,"owned_by":"gatebench"}]}'
)


@lru_cache(maxsize=256)
def quoted(text: str) -> bytes:
    """Return `text` as a JSON string; there are few models, so each is encoded once."""
    return orjson.dumps(text)


@lru_cache(maxsize=64)
def _template(model: str, tokens: int) -> bytes:
    """Return a completion of so many words of that model, with gaps for what differs between its answers."""
    return _COMPLETION % (quoted(model).replace(b"%", b"%%"), words(tokens), tokens)


def words(tokens: int) -> bytes:
    """Return the content of an answer: numbered words."""
    return b" ".join(b"w%d" % number for number in range(1, tokens + 1))


def completion(stamp: bytes, created_s: int, model: str, tokens_in: int, tokens_out: int) -> bytes:
    """Return the body of an answer that is not streamed."""
    return _template(model, tokens_out) % (stamp, created_s, stamp, stamp, tokens_in, tokens_in + tokens_out)


class Events(NamedTuple):
    """The server-sent events of one stream.

    `opening` is the stamp without a service time: it is the id of every event, as a stream has one id, and the first
    word of the content, so that a stream that is cut short still says who made it.
    """

    opening: bytes
    created_s: int
    model: bytes
    include_usage: bool

    def opening_events(self, tokens_in: int) -> tuple[bytes, ...]:
        """Return the events before the first token: none."""
        return ()

    def token(self, number: int, closing: bytes) -> bytes:
        """Return the event of token `number`, from 1; `closing` is the complete stamp in the last one, else empty."""
        content = b"w%d" % number
        content = b" " + content if number > 1 else self.opening + b" " + content
        role = b"" if number > 1 else b'"role":"assistant",'
        delta = b'%b"content":"%b%b"' % (role, content, b" " + closing if closing else b"")
        return self._chunk(closing or self.opening, delta, b"null")

    def ending(self, closing: bytes, tokens_in: int, tokens_out: int) -> tuple[bytes, ...]:
        """Return the events after the last token: the finish, the usage if it was asked for, and the terminal event."""
        events = [self._chunk(closing, b"", b'"stop"')]
        if self.include_usage:
            total = tokens_in + tokens_out
            events.append(_USAGE % (self.opening, self.created_s, self.model, closing, tokens_in, tokens_out, total))
        return (*events, DONE)

    def _chunk(self, stamp: bytes, delta: bytes, finish: bytes) -> bytes:
        usage = b',"usage":null' if self.include_usage else b""
        return _CHUNK % (self.opening, self.created_s, self.model, stamp, delta, finish, usage)


def models(stamp: bytes, created_s: int) -> bytes:
    """Return the list of models; the stamp stands where a completion has it."""
    return _MODELS % (stamp, created_s)


def error(stamp: bytes, refusal: Refusal) -> bytes:
    """Return an error; `id` is not OpenAI's, but says which provider refused when headers are lost."""
    kind = refusal.kind or ("invalid_request_error" if refusal.status < 500 else "server_error")
    what = {"message": refusal.message, "type": kind, "param": refusal.param, "code": refusal.code}
    return orjson.dumps({"id": f"chatcmpl-{stamp.decode()}", "error": what})
