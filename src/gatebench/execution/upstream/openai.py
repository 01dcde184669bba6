"""The OpenAI API that a provider serves: chat completions and the list of models; `embeddings` is beside it."""

from __future__ import annotations

from typing import NamedTuple

from gatebench.execution.upstream import answer
from gatebench.execution.upstream.api import Events, Whole
from gatebench.execution.upstream.chat import ChatRequest, Refusal, parse_chat
from gatebench.execution.upstream.connection import MOST_BODY_BYTES, Request
from gatebench.execution.upstream.rejection import openai_headers


def body_of(request: Request, method: bytes) -> bytes:
    """Return the body of a request with the method that its path wants. Raises Refusal (405, 413)."""
    if request.method != method:
        message = f"{request.method.decode('ascii')} is not allowed here. Use {method.decode('ascii')}."
        raise Refusal(405, message, code="method_not_allowed", headers=b"allow: %b\r\n" % method)
    if request.body is None:
        raise Refusal(413, f"The body is larger than {MOST_BODY_BYTES} bytes. Send less.", code="body_too_large")
    return request.body


class Chat:
    """POST /v1/chat/completions."""

    timed = True
    counts_tokens = True
    dialect = staticmethod(openai_headers)
    refused = staticmethod(answer.error)

    def read(self, request: Request) -> ChatRequest:
        """Return the request for a completion."""
        body = request.body  # the hot path: what is unusual is looked at by body_of
        return parse_chat(body if body is not None and request.method == b"POST" else body_of(request, b"POST"))

    def whole(self, asked: ChatRequest, stamp: bytes, created_s: int, tokens_in: int) -> Whole:
        """Return the completion."""
        tokens = asked.tokens
        return 200, answer.completion(stamp, created_s, asked.model, tokens_in, tokens), tokens, b""

    def events(self, asked: ChatRequest, opening: bytes, created_s: int) -> Events:
        """Return the chunks of a completion."""
        return answer.Events(opening, created_s, answer.quoted(asked.model), asked.include_usage)


class Listing(NamedTuple):
    """What a request without a prompt asks for."""

    model: str = ""
    prompt: str = ""
    user: str = ""
    tokens: int = 0
    stream: bool = False


class Models:
    """GET /v1/models."""

    timed = False
    counts_tokens = False
    dialect = None
    refused = staticmethod(answer.error)

    def read(self, request: Request) -> Listing:
        """Return that the list is wanted."""
        body_of(request, b"GET")
        return Listing()

    def whole(self, asked: Listing, stamp: bytes, created_s: int, tokens_in: int) -> Whole:
        """Return the list."""
        return 200, answer.models(stamp, created_s), 0, b""

    def events(self, asked: Listing, opening: bytes, created_s: int) -> Events:
        """Nothing here is streamed."""
        raise NotImplementedError


class Unknown(Models):
    """Every path that is none of a provider's."""

    def read(self, request: Request) -> Listing:
        """Refuse it."""
        known = "Use POST /v1/chat/completions, POST /v1/embeddings, POST /v1/messages, GET /v1/models or GET /rest/items/0."
        raise Refusal(404, f"{request.path} is unknown. {known}", code="unknown_url")
