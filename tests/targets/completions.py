"""Chat completions as OpenAI answers them, for gateways that read what providers say, and what tests ask of such gateways."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from aiohttp import web

from tests.targets.fake_provider import FakeProvider, Seen
from tests.targets.starting import Running

CHAT = "/v1/chat/completions"
MODEL = "gatebench-small"
BODY: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 8}
STREAM = {**BODY, "stream": True}
_COMMON = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": MODEL, "system_fingerprint": "fp"}


def _event(content: str, finish: str | None = None) -> bytes:
    delta = {"content": content} if content else {}
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    chunk = {**_COMMON, "object": "chat.completion.chunk", "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


FIRST = _event("one")
REST = _event(" two") + _event("", "stop") + b"data: [DONE]\n\n"


async def completes(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
    """A completion whose content is the provider's name."""
    message = {"role": "assistant", "content": provider.name, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return web.json_response({**_COMMON, "object": "chat.completion", "choices": [choice], "usage": usage})


async def completes_in_stream(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
    """The same in a stream: the provider's name, the finish, the terminal event."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(_event(provider.name) + _event("", "stop") + b"data: [DONE]\n\n")
    return response


def ask(
    client: httpx.Client, gateway: Running, body: Mapping[str, Any] = BODY, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """Send one chat request, as the target wants to be addressed."""
    return client.post(f"{gateway.url}{CHAT}", json=body, headers=sent(gateway, headers))


def sent(gateway: Running, headers: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the headers of a request: what the target wants, and `headers`."""
    return {**gateway.prepared.headers, **(headers or {})}


def said(answer: httpx.Response) -> tuple[int, str]:
    """Return the status and the content of a completion."""
    return answer.status_code, answer.json()["choices"][0]["message"]["content"]


def chats(provider: FakeProvider) -> Sequence[Seen]:
    """Return the chat requests that a provider got."""
    return [seen for seen in provider.seen if seen.path.partition("?")[0].endswith("/chat/completions")]


def content(events: bytes) -> str:
    """Return what the events of a stream say, put together."""
    lines = [line.removeprefix(b"data:").strip() for line in events.splitlines() if line.startswith(b"data:")]
    chunks = [json.loads(line) for line in lines if line != b"[DONE]"]
    parts = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk.get("choices", ())]
    return "".join(parts)
