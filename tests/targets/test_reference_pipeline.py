"""The pipeline of the reference gateway: the order of the stages, what a call carries, keys, the journal."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import Any

import pytest

from targets.reference.refgate.answer import Answer, Error, Whole
from targets.reference.refgate.call import Call
from targets.reference.refgate.config import Config
from targets.reference.refgate.errors import make_error
from targets.reference.refgate.metrics import Metrics
from targets.reference.refgate.pipeline import build_pipeline
from targets.reference.refgate.settings.keys import KeysConfig, TenantConfig
from targets.reference.refgate.settings.log import LogConfig
from targets.reference.refgate.shared import Shared
from targets.reference.refgate.stage import Next, Stage, compose
from targets.reference.refgate.stages.journal import Journal, journal
from targets.reference.refgate.stages.keys import keys
from targets.reference.refgate.trace import join_trace
from tests.targets.calling import CHAT, Clock, Last, fine, make_call, pass_through
from tests.targets.test_reference_parts import good_config

TENANTS = (TenantConfig(name="tenant-1", key="sk-1", tier="pro"), TenantConfig(name="tenant-2", key="sk-2"))
TRACE = "0af7651916cd43dd8448eb211c80319c"


def keyed() -> Stage:
    """Return the stage of two tenants."""
    stage = keys(KeysConfig(auth="keys", tenants=TENANTS))
    assert stage is not None
    return stage


def test_stages_are_passed_inward_and_back() -> None:
    """The first stage sees the call first and the answer last."""
    seen: list[str] = []

    def noting(name: str) -> Stage:
        async def stage(call: Call, rest: Next) -> Answer:
            seen.append(f"{name} in")
            answer = await rest(call)
            seen.append(f"{name} out")
            return answer

        return stage

    pass_through(compose_one(noting("a"), noting("b")), make_call())
    assert seen == ["a in", "b in", "b out", "a out"]


def compose_one(*stages: Stage) -> Stage:
    """Return several stages as one."""

    async def whole(call: Call, rest: Next) -> Answer:
        return await compose(stages, rest)(call)

    return whole


def test_stages_that_are_off_are_not_there() -> None:
    """With everything off the pipeline is its own end: nothing is paid for what is not used."""
    config = Config.model_validate(good_config())
    last = Last()
    assert build_pipeline(config, Shared((), Metrics()), last) is last


@pytest.mark.parametrize("shown", ["", "sk-1", "Basic sk-1", "Bearer", "Bearer sk-3", "Bearer sk-1 sk-2"])
def test_who_shows_no_known_key_is_not_served(shown: str) -> None:
    """401 in OpenAI's shape, with the scheme that is asked for; the provider hears nothing."""
    last = Last()
    answer = pass_through(keyed(), make_call(authorization=shown), last)
    assert isinstance(answer, Error)
    assert (answer.status, answer.code, answer.kind) == (401, "invalid_api_key", "invalid_request_error")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "sk-" not in answer.message
    assert last.calls == []


@pytest.mark.parametrize("shown", ["Bearer sk-1", "bearer  sk-1 "])
def test_the_key_decides_the_tenant(shown: str) -> None:
    """Whatever the client says of itself, it is whose key it shows; the key does not reach the provider."""
    last = Last()
    pass_through(keyed(), make_call("tenant-2", authorization=shown), last)
    [call] = last.calls
    assert (call.tenant, call.tier) == ("tenant-1", "pro")
    assert call.headers["x-gatebench-tenant"] == "tenant-1"
    assert "authorization" not in call.headers
    assert "sk-1" not in repr(call)


def test_anthropics_clients_show_theirs_elsewhere() -> None:
    """x-api-key is a key too, and goes no further either."""
    last = Last()
    pass_through(keyed(), make_call(x_api_key="sk-2"), last)
    [call] = last.calls
    assert call.tenant == "tenant-2"
    assert "x-api-key" not in call.headers
    assert isinstance(pass_through(keyed(), make_call(x_api_key="sk-3")), Error)


def test_without_keys_the_client_says_who_it_is() -> None:
    """The tenant is what the header says, and what is in Authorization is the provider's business."""
    assert keys(KeysConfig(tenants=TENANTS)) is None
    call = make_call("tenant-2", authorization="Bearer sk-1")
    assert (call.tenant, call.headers["authorization"]) == ("tenant-2", "Bearer sk-1")


@pytest.mark.parametrize(
    ("said", "priority"), [("low", "low"), ("HIGH", "high"), ("normal", "normal"), ("", "normal"), ("urgent", "normal")]
)
def test_priorities(said: str, priority: str) -> None:
    """Three are known; whatever else is said is normal."""
    assert make_call(x_priority=said).priority == priority


def test_a_trace_goes_on() -> None:
    """The provider gets the client's trace with this gateway as the parent, and the client's sampling."""
    trace_id, field = join_trace(f"00-{TRACE}-b7ad6b7169203331-01")
    assert trace_id == TRACE
    assert re.fullmatch(rf"00-{TRACE}-[0-9a-f]{{16}}-01", field)
    assert "b7ad6b7169203331" not in field
    assert join_trace(f"01-{TRACE}-b7ad6b7169203331-01-more")[0] == TRACE  # a later version: what we know of it counts


@pytest.mark.parametrize(
    "field",
    [
        "",
        "nonsense",
        f"00-{TRACE.upper()}-b7ad6b7169203331-01",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-b7ad6b7169203331-01",
        f"00-{TRACE}-b7ad6b7169203331-01-more",
    ],
)
def test_a_broken_trace_starts_anew(field: str) -> None:
    """What is no traceparent of version 00 is not passed on."""
    trace_id, made = join_trace(field)
    assert trace_id != TRACE
    assert re.fullmatch(rf"00-{trace_id}-[0-9a-f]{{16}}-00", made)


def test_a_call_carries_its_trace_to_the_provider() -> None:
    """The field goes upward, and a request without an id gets one for the log."""
    call = make_call(traceparent=f"00-{TRACE}-b7ad6b7169203331-01", x_request_id="gb-1")
    assert call.trace_id == TRACE
    assert call.headers["traceparent"].startswith(f"00-{TRACE}-")
    assert call.request_id == "gb-1"
    assert re.fullmatch(r"[0-9a-f]{32}", make_call().request_id)


def test_the_journal_says_what_happened(caplog: pytest.LogCaptureFixture) -> None:
    """One line for a request, with ids, times and names, and neither body, query nor key in it."""
    clock = Clock()
    call = make_call(
        "tenant-1",
        body=b"secret words",
        path=f"{CHAT}?token=secret",
        authorization="Bearer secret",
        x_request_id="gb-1",
    )
    call.served_by = "provider-a"
    clock.now_s += 0.25
    with caplog.at_level(logging.INFO, "refgate"):
        assert isinstance(pass_through(Journal(clock), call), Whole)
    [record] = caplog.records
    facts: dict[str, Any] = record.__dict__["facts"]
    assert facts == {
        "request": "gb-1",
        "trace": call.trace_id,
        "tenant": "tenant-1",
        "tier": "",
        "method": "POST",
        "path": CHAT,
        "status": 200,
        "outcome": "ok",
        "provider": "provider-a",
        "ms": 250.0,
    }
    assert "secret" not in json.dumps(facts)


def test_the_journal_is_off_by_default() -> None:
    """Nothing is written for a request unless asked for."""
    assert journal(LogConfig(), Shared((), Metrics())) is None


def test_a_default_answer_is_never_kept() -> None:
    """It stands in front of the cache: what nobody answered is asked for again, and the real answer is then kept."""
    sections = {"fallback": {"kind": "default"}, "cache": {"kind": "exact"}}
    config = Config.model_validate(good_config() | sections)
    body = b'{"model": "m", "messages": [{"role": "user", "content": "hello"}]}'
    last = Last(lambda: make_error(502, "provider_failed", "no", outcome="failed"))

    async def ask() -> list[str | None]:
        pipeline = build_pipeline(config, Shared((), Metrics()), last)
        said = []
        for number in range(3):
            if number == 1:
                last.answer = fine
            said.append((await pipeline(make_call(body=body))).headers.get("X-Fallback"))
        return said

    assert asyncio.run(ask()) == ["default", None, None]
    assert len(last.calls) == 2
