"""Looking at a gateway: each thing that it does is seen, and each that it does not do is not."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from gatebench.execution import looking
from gatebench.execution.looking import BURST, Behind, Found, Look
from gatebench.stamp import Stamp
from tests.targets.fake_provider import Behaviour, FakeProvider, Stage, drops, status, streams_on_and_on

pytestmark = pytest.mark.e2e
PAGE = "# TYPE asked counter\nasked_total 3\n"
EVENT = b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n'


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Where the gateways play."""
    stage = Stage()
    yield stage
    stage.close()


@pytest.fixture
def gateway(stage: Stage) -> FakeProvider:
    """A gateway with a provider inside, so that it can be told to do anything."""
    return stage.provider("gateway")


def serving(*, stamps: bool = True, cached: bool = False, held: bool = False, most: int | None = None) -> Behaviour:
    """Return a gateway that stamps, keeps the first answer, holds streams back, or refuses after so many requests."""
    made, answered = itertools.count(1), itertools.count(1)

    async def serve(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
        if request.path != "/v1/chat/completions":
            return web.Response(text=PAGE) if request.path == "/stats" else web.Response(status=404)
        if most is not None and next(answered) > most:
            return web.Response(status=429, headers={"Retry-After": "7"})
        if b'"stream":' in provider.seen[-1].body.replace(b" ", b""):
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            for _ in range(5):
                if not held:
                    await response.write(EVENT)
                await asyncio.sleep(0.05)
            if held:
                await response.write(EVENT * 5)
            await response.write(b"data: [DONE]\n\n")
            return response
        stamp = str(Stamp("provider-a", 1 if cached else next(made), 1, 1, "tenant", 1))
        return web.json_response({"id": stamp if stamps else "chat-1", "choices": [{"message": {"content": "yes"}}]})

    return serve


def look(gateway: FakeProvider, behave: Behaviour, behind: Behind | None = None) -> dict[str, Found]:
    """Return what was found, by question."""
    gateway.behave = behave
    found = Look(gateway.url, {"authorization": "Bearer key"}, metrics="/stats", behind=behind).findings()
    return {one.question: one for one in found}


def test_a_plain_gateway(gateway: FakeProvider) -> None:
    """Stamps, streams and metrics; no cache and no limit; what only its providers know is unknown. Keys go with every request."""
    found = look(gateway, serving())
    assert {question: one.answer for question, one in found.items()} == {
        "answers a chat": "yes",
        "passes our stamps": "yes",
        "passes ids in x-request-id": "unknown",
        "passes ids in the body's user": "unknown",
        "streams as it comes": "yes",
        "answers from a cache": "no",
        "limits requests": "no",
        "fails over": "unknown",
        "exports metrics": "yes",
    }
    assert found["passes our stamps"].told.startswith("in id:")
    assert "with its terminal event" in found["streams as it comes"].told
    sent = [{name.lower(): value for name, value in seen.headers.items()} for seen in gateway.seen]
    assert {headers.get("authorization") for headers in sent} == {"Bearer key"}
    assert len(gateway.seen) < 2 * BURST


def test_a_gateway_that_holds_streams_back(gateway: FakeProvider) -> None:
    """Everything comes at once."""
    found = look(gateway, serving(held=True))
    assert found["streams as it comes"].answer == "no"


def test_a_gateway_that_caches_and_limits(gateway: FakeProvider) -> None:
    """Three equal requests are one attempt; of the burst, what is beyond the limit is refused, and when to come again is told."""
    found = look(gateway, serving(cached=True, most=20))
    assert found["answers from a cache"].answer == "yes"
    assert found["limits requests"].answer == "yes"
    assert found["limits requests"].told.endswith(f"of {BURST} requests at once got 429, Retry-After 7")


def test_without_stamps_nobody_knows_who_made_answers(gateway: FakeProvider) -> None:
    """So that a cache cannot be told."""
    found = look(gateway, serving(stamps=False))
    assert (found["passes our stamps"].answer, found["answers from a cache"].answer) == ("no", "unknown")


@pytest.mark.parametrize(("behave", "said"), [(status(500), "answered 500"), (drops, "ended as RemoteProtocolError")])
def test_a_gateway_that_does_not_answer_is_asked_nothing_further(
    gateway: FakeProvider, behave: Behaviour, said: str
) -> None:
    """The only finding says how it failed."""
    [found] = look(gateway, behave).values()
    assert found.answer == "no" and said in found.told


def test_failing_over_is_tried_with_the_first_link_down_and_healed_again(gateway: FakeProvider, tmp_path: Path) -> None:
    """Also when nobody takes over."""
    done: list[str] = []
    good = serving()

    async def breaks(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
        down = done[-1:] == ["cut"]
        return await (status(502) if down else good)(provider, request)

    behind = Behind("0123abcd", tmp_path, lambda ttl_ms: done.append("cut"), lambda: done.append("heal"))
    assert look(gateway, good, behind)["fails over"].answer == "yes"
    assert look(gateway, breaks, behind)["fails over"].answer == "no"
    assert done == ["cut", "heal"] * 2
    assert look(gateway, good, behind)["passes ids in x-request-id"].answer == "no"  # no provider wrote anything


def test_a_stream_without_an_end_and_a_gateway_that_dies_half_way_are_answers_too(
    gateway: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question ends in its time, and the others are asked."""
    monkeypatch.setattr(looking, "_MOST_BYTES", 200_000)
    good, asked = serving(), itertools.count(1)

    async def endless(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
        if b'"stream":' in provider.seen[-1].body.replace(b" ", b""):
            return await streams_on_and_on(provider, request)
        return await (drops if next(asked) in {2, 3} else good)(provider, request)

    found = look(gateway, endless)
    assert found["streams as it comes"].told == "the stream ended as ReadTimeout"
    assert (found["passes our stamps"].answer, found["exports metrics"].answer) == ("unknown", "yes")
    assert "ended as RemoteProtocolError" in found["passes our stamps"].told


def test_a_key_that_a_gateway_repeats_is_not_repeated_by_us(gateway: FakeProvider) -> None:
    """Neither whole nor without its scheme."""

    async def tells(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
        return web.Response(status=401, text="no such key: sk-secret-1, you sent Bearer sk-secret-1")

    gateway.behave = tells
    [found] = Look(gateway.url, {"authorization": "Bearer sk-secret-1"}).findings()
    assert found.answer == "no" and "sk-secret" not in found.told and "no such key" in found.told


def test_a_page_of_welcome_is_no_chat(gateway: FakeProvider) -> None:
    """200 alone says nothing."""

    async def welcomes(provider: FakeProvider, request: web.Request) -> web.StreamResponse:
        return web.Response(text="<h1>It works!</h1>")

    [found] = look(gateway, welcomes).values()
    assert found.answer == "no" and "It works!" in found.told
