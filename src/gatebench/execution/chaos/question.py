"""What the canaries of a fault ask: the list of models over a link, and of a provider the request that its fault is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

import orjson

from gatebench.execution.upstream.chat import count_tokens
from gatebench.faults import FaultDefinition, Value
from gatebench.resource import PREFIX

Kind = Literal["any", "chat", "messages", "embeddings", "models", "rest"]

_PATHS: Final[dict[str, Kind]] = {
    "/v1/chat/completions": "chat",
    "/v1/messages": "messages",
    "/v1/embeddings": "embeddings",
    "/v1/models": "models",
    f"{PREFIX}items/0": "rest",
}
_PROMPT: Final = "amber anchor apple"
_TOKENS: Final = 4
_DIMENSIONS: Final = 8
_MODEL: Final = "gatebench-small"
STREAMED: Final = ("chat", "messages")
COUNTED: Final = (*STREAMED, "embeddings")


class Question(NamedTuple):
    """One request, and what a right answer to it counts; of the kind "any", whatever is answered is right."""

    kind: Kind
    method: str
    path: str
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    stream: bool = False
    tokens_in: int = 0
    tokens_out: int = 0


def asked_of_link(path: str) -> Question:
    """Return what is asked over a link: it may lead to anything."""
    return Question("any", "GET", path)


def asked_of_provider(definition: FaultDefinition, parameters: Mapping[str, Value]) -> Question:
    """Return a request that the fault matches; without a route of its own it is a chat completion.

    Of REST resources the first one of `items` is asked for, or of the collection that the route names.
    """
    path = path_for(str(parameters.get("route", ""))) or next(iter(_PATHS))
    kind = _PATHS.get(path, "rest")
    tenant, model = str(parameters.get("tenant", "")), str(parameters.get("model", "")) or _MODEL
    headers = (("x-gatebench-tenant", tenant),) if tenant else ()
    if kind in ("models", "rest"):
        return Question(kind, "GET", path, headers=headers)
    stream = definition.proof.stream and kind in STREAMED
    body = orjson.dumps(_body(kind, model, stream=stream))
    headers = (("content-type", "application/json"), *headers)
    tokens_out = 0 if kind == "embeddings" else _TOKENS
    return Question(kind, "POST", path, body, headers, stream, count_tokens(_PROMPT), tokens_out)


def path_for(route: str) -> str | None:
    """Return a path that begins with `route`, None when we know of none."""
    found = next((path for path in _PATHS if path.startswith(route)), None)
    if found is not None or not route.startswith(PREFIX):
        return found
    collection, _, key = route.removeprefix(PREFIX).partition("/")
    return f"{PREFIX}{collection}/{key or 0}"


def _body(kind: Kind, model: str, *, stream: bool) -> dict[str, object]:
    if kind == "embeddings":
        return {"model": model, "input": _PROMPT, "dimensions": _DIMENSIONS}
    body: dict[str, object] = {
        "model": model,
        "messages": [{"role": "user", "content": _PROMPT}],
        "max_tokens": _TOKENS,
    }
    if stream:
        body["stream"] = True
        if kind == "chat":
            body["stream_options"] = {"include_usage": True}
    return body
