"""Embeddings in OpenAI's shape: vectors that follow from the text alone, so that whoever asks again gets the same ones.

The stamp is the `id` at the beginning and the `system_fingerprint` at the end: OpenAI's embeddings have neither, some of
their imitators do, and gateways that pass a body on keep both. A gateway that writes the body anew keeps the header.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from gatebench.execution.upstream import answer
from gatebench.execution.upstream.api import Events, Whole
from gatebench.execution.upstream.chat import Refusal, field, json_object, refuse
from gatebench.execution.upstream.connection import Request
from gatebench.execution.upstream.openai import body_of
from gatebench.execution.upstream.rejection import openai_headers

DEFAULT_DIMENSIONS = 1536
MOST_DIMENSIONS = 4096
MOST_INPUTS = 2048

_BODY = (
    b'{"id":"embd-%b","object":"list","data":[%b],"model":%b,'
    b'"usage":{"prompt_tokens":%d,"total_tokens":%d},"system_fingerprint":"%b"}'
)
_ONE = b'{"object":"embedding","index":%d,"embedding":%b}'


class EmbeddingsRequest(NamedTuple):
    """A request for the vector of each of `inputs`; `prompt` is all of them, joined with newlines."""

    model: str
    prompt: str
    user: str
    inputs: tuple[str, ...]
    dimensions: int
    as_base64: bool
    tokens: int = 0
    stream: bool = False


def parse_embeddings(body: bytes) -> EmbeddingsRequest:
    """Return what `body` asks for. Raises Refusal (400) that names every problem at once."""
    asked = json_object(body)
    problems: list[tuple[str, str]] = []
    inputs = _inputs(asked.get("input"), problems)
    model = field(asked, "model", str, "", problems)
    if asked.get("model") is None:
        problems.append(("model", '"model" is missing. Name a model.'))
    user = field(asked, "user", str, "", problems)
    dimensions = asked.get("dimensions")
    if dimensions is None:
        dimensions = DEFAULT_DIMENSIONS
    elif type(dimensions) is not int or not 1 <= dimensions <= MOST_DIMENSIONS:
        problems.append(("dimensions", f'"dimensions" must be a whole number from 1 to {MOST_DIMENSIONS}.'))
    encoding = asked.get("encoding_format", "float")
    if encoding not in ("float", "base64"):
        problems.append(("encoding_format", '"encoding_format" must be "float" or "base64".'))
    refuse(asked, problems)
    return EmbeddingsRequest(model, "\n".join(inputs), user, inputs, dimensions, encoding == "base64")


def vector(text: str, dimensions: int) -> npt.NDArray[np.float32]:
    """Return a vector of length 1: SHAKE128 (FIPS 202) of the text, read as 16-bit numbers.

    A vector of fewer dimensions is the beginning of one with more, brought to length 1 again, as OpenAI's is.
    """
    drawn = np.frombuffer(hashlib.shake_128(text.encode()).digest(2 * dimensions), "<i2").astype(np.float64) + 0.5
    return (drawn / np.sqrt(drawn @ drawn)).astype("<f4")


class Embeddings:
    """POST /v1/embeddings."""

    timed = True
    counts_tokens = True
    dialect = staticmethod(openai_headers)
    refused = staticmethod(answer.error)

    def read(self, request: Request) -> EmbeddingsRequest:
        """Return the request for vectors."""
        return parse_embeddings(body_of(request, b"POST"))

    def whole(self, asked: EmbeddingsRequest, stamp: bytes, created_s: int, tokens_in: int) -> Whole:
        """Return the vectors."""
        vectors = [_written(vector(text, asked.dimensions), as_base64=asked.as_base64) for text in asked.inputs]
        data = b",".join([_ONE % (index, written) for index, written in enumerate(vectors)])
        return 200, _BODY % (stamp, data, answer.quoted(asked.model), tokens_in, tokens_in, stamp), 0, b""

    def events(self, asked: EmbeddingsRequest, opening: bytes, created_s: int) -> Events:
        """Nothing here is streamed."""
        raise Refusal(400, "Embeddings are not streamed.", code="invalid_value", param="stream")


def _written(vector: npt.NDArray[np.float32], *, as_base64: bool) -> bytes:
    if as_base64:
        return b'"%b"' % base64.b64encode(vector.tobytes())
    return orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY)


def _inputs(value: Any, problems: list[tuple[str, str]]) -> tuple[str, ...]:
    """Return the texts; lists of token numbers stand for their numbers, written with blanks, a word a token."""
    wrong = '"input" must be a text, a list of texts, a list of tokens, or a list of such lists; none of them empty.'
    if type(value) is str:
        texts: tuple[str | None, ...] = (value,)
    elif type(value) is not list or not value:
        texts = (None,)
    elif all(type(part) is int for part in value):
        texts = (_tokens(value),)
    else:
        texts = tuple(part if type(part) is str else _tokens(part) for part in value)
    if not all(texts):
        problems.append(("input", wrong))
        return ()
    if len(texts) > MOST_INPUTS:
        problems.append(("input", f'"input" has {len(texts)} entries. Send at most {MOST_INPUTS}.'))
    return tuple(text for text in texts if text)


def _tokens(value: Any) -> str | None:
    if type(value) is not list or not value or not all(type(part) is int and part >= 0 for part in value):
        return None
    return " ".join(map(str, value))
