"""Resources and message streams through the reference gateway and nginx, as a provider that keeps them would send them."""

from __future__ import annotations

import shutil

import httpx
import pytest
from aiohttp import web

from tests.targets.conftest import Start
from tests.targets.fake_provider import FakeProvider

pytestmark = pytest.mark.e2e

TAG = '"abc"'
GATEWAYS = [
    "reference",
    pytest.param("nginx", marks=pytest.mark.skipif(not shutil.which("nginx"), reason="needs nginx")),
]
DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}\n\n'
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


async def keeps(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
    """A resource with a tag, and what a condition makes of it."""
    headers = {"ETag": TAG, "Cache-Control": "max-age=60"}
    if request.headers.get("If-None-Match") == TAG:
        return web.Response(status=304, headers=headers)
    return web.Response(body=b"x" * 700, headers=headers)


async def _message(request: web.Request, *events: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for event in events:
        await response.write(event)
    return response


async def tells(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
    """A message to its end."""
    return await _message(request, DELTA, STOP)


async def stops_short(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
    """A message whose body ends cleanly, but not the message."""
    return await _message(request, DELTA)


@pytest.mark.parametrize("name", GATEWAYS)
def test_a_resource_passes_through(client: httpx.Client, start: Start, first: FakeProvider, name: str) -> None:
    """Tag, lifetime, condition and length survive, with and without a body."""
    gateway = start(name)
    first.behave = keeps
    url = f"{gateway.url}/rest/items/7?bytes=700"
    whole, head = client.get(url), client.head(url)
    assert (whole.status_code, whole.content, whole.headers["etag"]) == (200, b"x" * 700, TAG)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"] == "700"
    unchanged = client.get(url, headers={"if-none-match": TAG})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert (unchanged.headers["etag"], unchanged.headers["cache-control"]) == (TAG, "max-age=60")
    assert [client.request(method, url).status_code for method in ("PUT", "DELETE")] == [200, 200]
    assert [seen.method for seen in first.seen] == ["GET", "HEAD", "GET", "PUT", "DELETE"]
    assert {seen.path for seen in first.seen} == {"/rest/items/7?bytes=700"}


@pytest.mark.parametrize("name", GATEWAYS)
def test_a_message_passes_through(client: httpx.Client, start: Start, first: FakeProvider, name: str) -> None:
    """Whole: its last event is another one than a chat's."""
    gateway = start(name)
    first.behave = tells
    answer = client.post(f"{gateway.url}/v1/messages", json={})
    assert (answer.status_code, answer.content) == (200, DELTA + STOP)


def test_a_message_that_stops_short_is_an_error(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """The reference gateway lets its client see an incomplete body."""
    gateway = start("reference")
    first.behave = stops_short
    with pytest.raises(httpx.RemoteProtocolError):
        client.post(f"{gateway.url}/v1/messages", json={})
