"""nginx's proxy_cache as this target sets it, in front of a real server: what is kept, for whom, how long, and who waits."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from aiohttp import web

from tests.targets.conftest import Start
from tests.targets.fake_provider import FakeProvider, Gate, Stage, answers, status
from tests.targets.starting import Running, until

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not shutil.which("nginx"), reason="needs nginx")]
CHAT = "/v1/chat/completions"
TAG = '"abc"'


@pytest.fixture
def gate(stage: Stage) -> Gate:
    """Holds requests at the provider."""
    return Gate(stage)


def ask(client: httpx.Client, gateway: Running, prompt: str = "hello", tenant: str = "tenant-0") -> httpx.Response:
    """Send one chat request."""
    body = {"model": "m", "messages": [{"role": "user", "content": prompt}]}
    return client.post(f"{gateway.url}{CHAT}", json=body, headers={"x-gatebench-tenant": tenant})


def said(answer: httpx.Response) -> str:
    """Return what nginx says of its cache."""
    return answer.headers["x-cache-status"]


async def keeps(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
    """A resource that may be kept for a minute or, if it is brief, for a second, with a tag, and what a condition makes of it."""
    headers = {"ETag": TAG, "Cache-Control": f"public, max-age={1 if request.path.endswith('brief') else 60}"}
    if request.headers.get("If-None-Match") == TAG:
        return web.Response(status=304, headers=headers)
    return web.Response(body=b"x" * 700, headers=headers)


def test_a_post_is_kept_by_its_whole_body(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """The same body of the same tenant is answered once; another body, or another tenant, is asked for."""
    gateway = start("nginx", cache="exact", cache_ttl="60s")
    assert [said(ask(client, gateway)) for _ in range(3)] == ["MISS", "HIT", "HIT"]
    assert said(ask(client, gateway, prompt="hello you")) == "MISS"
    assert said(ask(client, gateway, tenant="tenant-1")) == "MISS"
    assert len(first.seen) == 3


def test_tenants_share_when_they_are_meant_to(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """With one entry for all, another tenant's request is a hit."""
    gateway = start("nginx", cache="exact", cache_scope="shared")
    assert [said(ask(client, gateway, tenant=f"tenant-{number}")) for number in range(3)] == ["MISS", "HIT", "HIT"]


def test_an_answer_expires(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """After its time it is asked for again; nginx counts whole seconds, so a second may take nearly two."""
    gateway = start("nginx", cache="exact", cache_ttl="1s")
    ask(client, gateway)
    until(lambda: said(ask(client, gateway)) == "EXPIRED")
    assert len(first.seen) == 2


def test_errors_are_not_kept(client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider) -> None:
    """A 503 is relayed, and the next request asks again."""
    gateway = start("nginx", cache="exact", breaker_failures=0)
    first.behave = second.behave = status(503)
    assert [ask(client, gateway).status_code for _ in range(2)] == [503, 503]
    first.behave = answers
    assert [ask(client, gateway).status_code for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(("coalescing", "asked"), [(True, 1), (False, 6)])
def test_who_comes_during_the_first_fetch(
    client: httpx.Client, start: Start, first: FakeProvider, *, gate: Gate, coalescing: bool, asked: int
) -> None:
    """With proxy_cache_lock one request asks and the others wait for it; without, each asks."""
    gateway = start("nginx", cache="exact", cache_coalescing=coalescing)
    first.behave = gate.before(answers)
    with ThreadPoolExecutor(6) as pool:
        given = [pool.submit(ask, client, gateway) for _ in range(6)]
        until(lambda: len(first.seen) == asked)
        gate.open()
        assert [one.result().status_code for one in given] == [200] * 6
    assert len(first.seen) == asked


def test_an_old_answer_is_better_than_none(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """With stale-if-error an expired answer stands in for a provider that fails."""
    gateway = start("nginx", cache="exact", cache_ttl="1s", cache_stale_if_error="30s", breaker_failures=0)
    ask(client, gateway)
    first.behave = second.behave = status(503)
    until(lambda: said(ask(client, gateway)) == "STALE")
    assert ask(client, gateway).status_code == 200


def test_a_resource_is_asked_for_with_its_tag(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """As Cache-Control says: kept for its time, then revalidated; a client that holds it is told so, and POST is not kept."""
    gateway = start("nginx", cache="http")
    url = f"{gateway.url}/rest/items/7"
    first.behave = keeps
    assert [said(client.get(url)) for _ in range(2)] == ["MISS", "HIT"]
    assert client.get(url, headers={"if-none-match": TAG}).status_code == 304
    brief = f"{gateway.url}/rest/items/brief"
    assert said(client.get(brief)) == "MISS"
    until(lambda: said(client.get(brief)) == "REVALIDATED")
    assert [seen.headers.get("If-None-Match") for seen in first.seen] == [None, None, TAG]
    assert "x-cache-status" not in ask(client, gateway).headers
