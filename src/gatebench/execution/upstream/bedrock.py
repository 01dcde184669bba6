"""Anthropic's models as Amazon Bedrock serves them: POST /model/ID/invoke, whole answers only.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html and
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html. The answer is Anthropic's message.
"""

from __future__ import annotations

import re
from typing import Final

import orjson

from gatebench.execution.upstream.anthropic import MessageEvents, Messages
from gatebench.execution.upstream.api import Whole
from gatebench.execution.upstream.chat import Refusal, json_object
from gatebench.execution.upstream.connection import Request
from gatebench.execution.upstream.limits import Verdict
from gatebench.execution.upstream.messages import MessagesRequest, read_messages
from gatebench.execution.upstream.openai import body_of

PREFIX: Final = "/model/"
_PATH: Final = re.compile(r"/model/([A-Za-z0-9._:/-]{1,2048})/invoke")
_VERSION: Final = "bedrock-2023-05-31"
_KNOWN: Final = frozenset(
    (
        "anthropic_beta", "anthropic_version", "max_tokens", "messages", "metadata", "stop_sequences", "system",
        "temperature", "thinking", "tool_choice", "tools", "top_k", "top_p",
    )
)  # fmt: skip
_UNNAMED: Final = b"InternalServerException"
_ERROR_TYPE: Final = b"x-amzn-errortype: %b\r\n"
_KINDS: Final = {
    403: b"AccessDeniedException",
    404: b"ResourceNotFoundException",
    408: b"ModelTimeoutException",
    429: b"ThrottlingException",
    500: b"InternalServerException",
    503: b"ServiceUnavailableException",
}


def bedrock_headers(verdict: Verdict, epoch_ns: int) -> bytes:
    """Return Bedrock's lines about limits: none, for it tells nobody where a limit stands."""
    return b""


class Invocation:
    """POST /model/ID/invoke. The model is in the path, and the body has no "stream"."""

    timed = True
    counts_tokens = True
    dialect = staticmethod(bedrock_headers)

    def __init__(self) -> None:
        self._messages = Messages()

    def read(self, request: Request) -> MessagesRequest:
        """Return the request for a message. Raises Refusal."""
        found = _PATH.fullmatch(request.path)
        if found is None:
            raise Refusal(404, f"{request.path} is unknown. Use POST /model/ID/invoke.", code="unknown_url")
        asked = json_object(body_of(request, b"POST"))
        version = asked.get("anthropic_version")
        wrong = (
            [] if version == _VERSION else [("anthropic_version", f'anthropic_version: Input should be "{_VERSION}".')]
        )
        return read_messages(
            {"model": found[1], **asked}, _KNOWN | {"model"} if "model" not in asked else _KNOWN, wrong
        )

    def whole(self, asked: MessagesRequest, stamp: bytes, created_s: int, tokens_in: int) -> Whole:
        """Return the message."""
        return self._messages.whole(asked, stamp, created_s, tokens_in)

    def events(self, asked: MessagesRequest, opening: bytes, created_s: int) -> MessageEvents:
        """Nothing here is streamed."""
        raise NotImplementedError

    def refused(self, stamp: bytes, refusal: Refusal) -> bytes:
        """Return an error; its request id says which provider refused when headers are lost, the type is in a header."""
        refusal.headers += _ERROR_TYPE % _KINDS.get(
            refusal.status, _UNNAMED if refusal.status >= 500 else b"ValidationException"
        )
        return orjson.dumps({"message": refusal.message, "requestId": f"req_{stamp.decode()}"})
