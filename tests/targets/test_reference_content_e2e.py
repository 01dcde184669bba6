"""The reference gateway's cache, idempotency, routing, streams and formats over real sockets."""

from __future__ import annotations

import json
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from aiohttp import web

from tests.targets.conftest import Start
from tests.targets.fake_provider import (
    FIRST_EVENT,
    LAST_EVENTS,
    FakeProvider,
    Gate,
    Stage,
    announces,
    answers,
    dies_in_stream,
    drops,
    forgets_the_end,
    status,
    streams,
)
from tests.targets.redis_server import redis_server
from tests.targets.starting import Running

pytestmark = pytest.mark.e2e
CHAT = "/v1/chat/completions"


def ask(
    client: httpx.Client, gateway: Running, prompt: str = "hello", tenant: str = "tenant-1", **headers: str
) -> httpx.Response:
    """Send one chat request."""
    body = {"model": "m", "messages": [{"role": "user", "content": prompt}]}
    fields = {"x-gatebench-tenant": tenant} | {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(f"{gateway.url}{CHAT}", json=body, headers=fields)


def local_address(answer: httpx.Response) -> tuple[str, int]:
    """Return where the connection that an answer came over begins."""
    address: tuple[str, int] = answer.extensions["network_stream"].get_extra_info("client_addr")
    return address


def test_a_question_is_asked_once(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """MISS, then HIT with an age; another tenant asks for itself."""
    gateway = start("reference", cache="exact")
    claims = [ask(client, gateway, tenant=tenant).headers["x-cache"] for tenant in ("a", "a", "b")]
    assert claims == ["MISS", "HIT", "MISS"]
    assert "age" in ask(client, gateway, tenant="a").headers
    assert len(first.seen) == 2


def test_a_crowd_is_one_attempt(client: httpx.Client, stage: Stage, start: Start, first: FakeProvider) -> None:
    """Twenty ask the same before the first answer is there."""
    gateway = start("reference", cache="exact", request_timeout="20s", total_timeout="30s", deadline_s=30.0)
    gate = Gate(stage)
    first.behave = gate.before(answers)
    with ThreadPoolExecutor(20) as crowd:
        waiting = [crowd.submit(ask, client, gateway) for _ in range(20)]
        assert gate.reached.wait(10)
        time.sleep(0.3)  # the others have come by then; one that has not would be a hit, and no attempt either
        gate.open()
        claims = [one.result().headers["x-cache"] for one in waiting]
    assert len(first.seen) == 1
    assert sorted(claims) == ["HIT"] * 19 + ["MISS"]


async def tagged(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
    """An origin's answer with a tag, fresh for a minute or, if it is brief, for a second; or that nothing has changed."""
    fields = {"ETag": '"v0"', "Cache-Control": f"public, max-age={1 if request.path.endswith('brief') else 60}"}
    if request.headers.get("If-None-Match") == '"v0"':
        return web.Response(status=304, headers=fields)
    return web.json_response({"provider": provider.name}, headers=fields)


def test_http_is_cached_as_its_origin_says(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """Fresh as long as it says, then confirmed; a client's own tag is answered with 304."""
    gateway = start("reference", cache="http")
    first.behave = tagged
    url = f"{gateway.url}/rest/items/1"
    assert [client.get(url).headers["x-cache"] for _ in range(2)] == ["MISS", "HIT"]
    unchanged = client.get(url, headers={"if-none-match": '"v0"'})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    head = client.head(url)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(client.get(url).content)))
    assert len(first.seen) == 1
    brief = f"{gateway.url}/rest/items/brief"
    assert client.get(brief).headers["x-cache"] == "MISS"
    time.sleep(1.1)
    answer = client.get(brief)
    assert (answer.headers["x-cache"], answer.json()) == ("REVALIDATED", {"provider": "provider-a"})
    assert len(first.seen) == 3


def test_the_last_good_answer_stands_in(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """With both providers down: what was answered before, and the error for what was not."""
    gateway = start("reference", fallback="cached")
    assert ask(client, gateway).headers["x-cache"] == "MISS"
    first.behave = second.behave = drops
    stale = ask(client, gateway)
    assert (stale.status_code, stale.headers["x-cache"], stale.json()) == (200, "STALE", {"provider": "provider-a"})
    assert ask(client, gateway, "never asked").status_code == 502


def test_a_semantic_cache_starts_and_serves(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """Other words for the same question."""
    gateway = start("reference", cache="semantic", cache_threshold=0.85)
    prompts = ("What is the capital of France?", "Which city is France's capital?", "How do you bake bread?")
    assert [ask(client, gateway, prompt).headers["x-cache"] for prompt in prompts] == ["MISS", "HIT", "MISS"]


def test_two_gateways_share_a_redis_and_survive_it(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """What one asked for the other serves; without the store everybody is answered all the same."""
    settings = {"cache": "exact", "cache_store": "redis", "cache_store_timeout": "5s"}
    with redis_server() as server:
        one, two = (start("reference", store_url=server.url, **settings) for _ in range(2))
        assert [ask(client, gateway).headers["x-cache"] for gateway in (one, two)] == ["MISS", "HIT"]
    assert [ask(client, gateway).headers["x-cache"] for gateway in (one, two)] == ["MISS", "MISS"]


def test_a_key_is_good_for_one_execution(client: httpx.Client, stage: Stage, start: Start, first: FakeProvider) -> None:
    """Replayed when it is over, a conflict while it lasts, refused for another body."""
    gateway = start("reference", idempotency=True, request_timeout="20s", total_timeout="30s", deadline_s=30.0)
    gate = Gate(stage)
    first.behave = gate.before(answers)
    running: list[httpx.Response] = []
    waiting = threading.Thread(target=lambda: running.append(ask(client, gateway, idempotency_key="k")))
    waiting.start()
    assert gate.reached.wait(10)
    conflict = ask(client, gateway, idempotency_key="k")
    assert (conflict.status_code, conflict.headers["retry-after"]) == (409, "1")
    gate.open()
    waiting.join(10)
    again = ask(client, gateway, idempotency_key="k")
    assert (again.json(), again.headers["idempotent-replayed"]) == (running[0].json(), "true")
    assert ask(client, gateway, "something else", idempotency_key="k").status_code == 422
    assert len(first.seen) == 1


def test_a_stream_is_replayed_as_it_was(client: httpx.Client, start: Start, first: FakeProvider) -> None:
    """The events of the first time."""
    gateway = start("reference", idempotency=True)
    first.behave = streams
    one, two = ask(client, gateway, idempotency_key="k"), ask(client, gateway, idempotency_key="k")
    assert one.content == two.content == FIRST_EVENT + LAST_EVENTS
    assert two.headers["content-type"] == one.headers["content-type"] == "text/event-stream"
    assert (two.headers["idempotent-replayed"], len(first.seen)) == ("true", 1)


def test_flags_change_the_route_while_it_runs(client: httpx.Client, start: Start) -> None:
    """Everything to the first, then to the second, then back: within a second each, and at once on SIGHUP."""
    gateway = start("reference", routing="weighted", routing_weights="provider-a=1")
    flags = gateway.prepared.directory / "flags.json"

    def served() -> str:
        return str(ask(client, gateway).headers["x-served-by"])

    assert served() == "provider-a"
    flags.write_text(json.dumps({"weights": {"provider-b": 1}}))
    time.sleep(1.0)
    assert served() == "provider-b"
    flags.write_text(json.dumps({"weights": {"provider-b": 1}, "rollback": True}))
    for process in gateway.processes:
        process.send_signal(signal.SIGHUP)
    time.sleep(0.1)
    assert served() == "provider-a"


def test_the_rest_takes_over_from_the_chosen_one(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """A canary that fails costs nobody an answer."""
    gateway = start("reference", routing="sticky", routing_weights="provider-b=1")
    second.behave = status(500)
    assert ask(client, gateway).headers["x-served-by"] == "provider-a"
    assert len(second.seen) == 1


@pytest.mark.parametrize("behave", [dies_in_stream, forgets_the_end])
def test_a_stream_that_breaks_off_can_say_so(
    client: httpx.Client, start: Start, first: FakeProvider, behave: object
) -> None:
    """An error event in the stream, which then ends properly, without [DONE]."""
    gateway = start("reference", stream_on_failure="error-event")
    first.behave = behave  # type: ignore[assignment]
    answer = ask(client, gateway)
    assert answer.content.startswith(FIRST_EVENT)
    error = json.loads(answer.content.removeprefix(FIRST_EVENT).removeprefix(b"data: "))["error"]
    assert (error["code"], error["type"]) == ("stream_broken", "server_error")
    assert b"[DONE]" not in answer.content
    messages = client.post(f"{gateway.url}/v1/messages", json={})
    assert local_address(messages) == local_address(answer)  # nobody was promised a connection that then closed
    assert b'event: error\ndata: {"type": "error"' in messages.content


def test_a_stream_that_dies_before_its_first_token_is_taken_over(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """The announcement of the first provider is not what the client sees."""
    gateway = start("reference")
    first.behave = announces(b'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n', then=drops)
    second.behave = streams
    assert ask(client, gateway).content == FIRST_EVENT + LAST_EVENTS


async def says_a_message(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
    """What Anthropic answers."""
    assert (request.path, request.headers["x-api-key"]) == ("/v1/messages", "key")
    content = [{"type": "text", "text": "hi"}]
    usage = {"input_tokens": 3, "output_tokens": 1}
    message = {"id": "msg_1", "model": "m", "content": content, "stop_reason": "end_turn", "usage": usage}
    return web.json_response({"type": "message", "role": "assistant", **message})


async def streams_a_message(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
    """What Anthropic streams."""
    usage = {"input_tokens": 3, "output_tokens": 1}
    events = (
        {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": usage}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    )
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for event in events:
        await response.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
    return response


def test_a_provider_of_another_format_answers_as_openai(
    client: httpx.Client, start: Start, first: FakeProvider, second: FakeProvider
) -> None:
    """The first provider fails, the second speaks Anthropic's: the client sees a completion, whole or streamed."""
    gateway = start("reference", provider_formats="provider-b=anthropic")
    first.behave, second.behave = drops, says_a_message
    said = ask(client, gateway, authorization="Bearer key").json()
    assert said["object"] == "chat.completion"
    assert said["choices"][0]["message"]["content"] == "hi"
    assert said["usage"] == {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    second.behave = streams_a_message
    streamed = ask(client, gateway).text
    assert '"content":"hi"' in streamed
    assert streamed.endswith("data: [DONE]\n\n")


def test_a_configuration_that_names_nobody_ends_it(start: Start) -> None:
    """A weight for a provider that is not there is told before anything starts."""
    with pytest.raises(AssertionError, match="there is no provider provider-x"):
        start("reference", routing="weighted", routing_weights="provider-x=1")
