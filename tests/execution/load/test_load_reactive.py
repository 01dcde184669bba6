"""The reactive probe: it burns its limit, waits exactly as long as it is told to, and sends the same again."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from gatebench import Scenario, phase, poisson, reactive
from gatebench.execution.load.channel import Channel
from gatebench.execution.load.config import WorkerConfig
from gatebench.execution.load.post import Post
from gatebench.execution.secrets import Secrets
from gatebench.plan import Endpoint
from gatebench.probing import Reactive
from gatebench.run.stream import StreamTail
from gatebench.sample import REJECTED
from gatebench.stamp import KINDS
from gatebench.traffic import chat
from tests.execution.load.plans import load_plan
from tests.execution.load.servers import Call, ScriptedServer
from tests.execution.load.test_load_post import channel, now_ns
from tests.planned import MS, S

__all__ = ["channel"]
PROBE = "tenant-3"  # the load has three tenants


class Turnstile:
    """Admits `burst` requests of the probe, then says `retry_after` for a while; counts how often it was asked what."""

    def __init__(self, burst: int, retry_after: bytes, closed_s: float) -> None:
        self.burst, self.retry_after, self.closed_s = burst, retry_after, closed_s
        self.left, self.closed_at = burst, 0.0
        self.lock = threading.Lock()

    def __call__(self, call: Call) -> None:
        tenant = re.search(rb"x-gatebench-tenant: (\S+)", call.request)
        if tenant is None or tenant[1].decode() != PROBE:
            call.answer()
            return
        with self.lock:
            if self.left == 0 and time.monotonic() - self.closed_at >= self.closed_s:
                self.left = self.burst
            fits = self.left > 0
            if fits:
                self.left -= 1
                self.closed_at = time.monotonic()
        if fits:
            call.answer()
        else:
            call.answer(b"{}", "429 Too Many Requests", self.retry_after)


def probe_rows(
    channel: Channel, root: Path, turnstile: Turnstile, duration_s: float, **probe: Any
) -> list[dict[str, Any]]:
    """Run a post with a probe against the turnstile; return the probe's rows in order of sending."""
    with ScriptedServer(turnstile) as server:
        config = WorkerConfig(
            role="local",
            plan=load_plan(rate="20/s", duration_s=duration_s, reactive=Reactive(**probe)),
            endpoints={"target": Endpoint(host="127.0.0.1", port=server.port)},
            stream_path=root / "samples-0.arrow",
            facts_path=root / "load-0.json",
        )
        post = Post(config, Secrets(), channel)
        post.begin(now_ns() + 500 * MS)  # a machine that stands still as it starts takes nothing from the probe
        post.stand()
    assert post.defect is None
    facts = post.facts["resend_check"]
    assert facts["requests_handed_over"] == facts["requests_written"] == round(20 * duration_s)
    table = StreamTail(root / "samples-0.arrow").table
    assert isinstance(table, pa.Table)
    rows = [row for row in table.to_pylist() if row["kind"] == KINDS.index("reactive")]
    assert {row["tenant"] for row in rows} == {3}
    assert table.num_rows == len(rows) + round(20 * duration_s)
    return sorted(rows, key=lambda row: int(row["sent_ns"]))


@pytest.mark.slow
def test_it_comes_back_exactly_when_it_is_told_to(channel: Channel, tmp_path: Path) -> None:
    """Refused with Retry-After: 1, the same arrival is sent a second time one second later, not a moment earlier."""
    rows = probe_rows(channel, tmp_path, Turnstile(5, b"Retry-After: 1\r\n", 0.9), 3.5)
    first = {row["arrival_id"]: row for row in rows if row["ordinal"] == 0}
    again = [row for row in rows if row["ordinal"] == 1]
    assert len(again) >= 2
    for came in again[:2]:
        refused = first[came["arrival_id"]]
        assert refused["outcome"] == REJECTED
        assert 0 <= came["sent_ns"] - refused["done_ns"] - S < 200 * MS
        assert came["outcome"] != REJECTED


def test_without_a_word_it_rests(channel: Channel, tmp_path: Path) -> None:
    """A 429 without a Retry-After, or with one beyond its patience, is not waited for and never sent again."""
    rows = probe_rows(channel, tmp_path, Turnstile(2, b"Retry-After: 60\r\n", 60), 3.0, pace="50/s")
    assert {row["ordinal"] for row in rows} == {0}
    assert [row["outcome"] == REJECTED for row in rows][:3] == [False, False, True]
    assert len(rows) < 10  # of 150 that three seconds at that pace would hold


def scenario(**more: Any) -> Scenario:
    """Return a scenario with a probe."""
    return Scenario.model_validate(
        {
            "traffic": chat(tenants=3),
            "load": poisson("5/s"),
            "phases": [phase("baseline", "2s")],
            "objective": {"response_ms": 100},
            "checks": [{"metric": "availability", "at_least": 0.5}],
            **more,
        }
    )


def test_the_probe_is_one_more_tenant() -> None:
    """Its name follows those of the load's tenants."""
    assert scenario(reactive=reactive()).tenant_names()[-1] == PROBE
    assert scenario().tenant_names()[-1] == "tenant-2"


@pytest.mark.parametrize(
    ("probe", "says"),
    [
        (reactive(pace="0/s"), "send nothing"),
        (reactive(pace="often"), "pace"),
        (reactive(patience="-1s"), "patience"),
        (reactive(route="rest"), 'the route "rest"; the routes are chat'),
        (reactive(tenant="tenant-9"), "tenant"),
    ],
)
def test_bad_input_is_refused(probe: Reactive, says: str) -> None:
    """In a sentence that names what is wrong."""
    with pytest.raises(ValidationError, match=re.escape(says)):
        scenario(reactive=probe)
