"""Measures what real gateways add: one that sleeps five milliseconds, the same without its sleep, and none at all."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.e2e.bench_command import Bench, Done

pytestmark = pytest.mark.e2e

TARGET = """
description = "passes every request on, after a while"
capabilities = ["streaming"]
settings = { delay = "0ms" }

[[process]]
name = "sleeper"
command = ["{{ python }}", "{{ folder }}/gateway.py", "{{ port }}", "{{ providers[0].url }}", "{{ settings.delay | seconds }}"]
"""
GATEWAY = """
import asyncio, sys
from aiohttp import ClientSession, web

port, upstream, delay_s = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])

async def forward(request):
    await asyncio.sleep(delay_s)
    headers = {name: request.headers[name] for name in ("content-type", "x-request-id", "x-gatebench-tenant")}
    async with request.app["session"].post(upstream + request.path, data=await request.read(), headers=headers) as answer:
        return web.Response(status=answer.status, body=await answer.read(), content_type="application/json")

async def session(app):
    app["session"] = ClientSession()
    yield
    await app["session"].close()

app = web.Application()
app.router.add_post("/{path:.*}", forward)
app.cleanup_ctx.append(session)
web.run_app(app, host="127.0.0.1", port=port, print=None)
"""


def compare(bench: Bench, target: str, *more: str, traffic: str = "chat(prompt_words=5, max_tokens=4)") -> Done:
    """Run about 300 triples; how late a busy machine sends decides nothing here, all lanes are as late."""
    bench.scenario(
        "paired",
        traffic=traffic,
        load='poisson("90/s")',
        phases='phase("warmup", "1s"), phase("baseline", "10s")',
        checks='check("error_share", at_most=0.0, estimate="point")',
        more='lanes=("target", "direct", "null"), dispatch_limit_ms=2000,',
    )
    return bench("run", "paired", "--target", target, *more)


def metric(summary: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a metric of the whole run."""
    return next(m for m in summary["metrics"] if (m["name"], m["phase"], m["route"]) == (name, None, None))


@pytest.mark.slow
def test_a_gateway_that_sleeps_adds_its_sleep(bench: Bench) -> None:
    """Five milliseconds of sleep in a gateway are five milliseconds more than the same gateway without, and far from noise."""
    bench.target("sleeper", TARGET, gateway_py=GATEWAY)
    found = []
    for delay in ("0ms", "5ms"):
        done = compare(bench, "sleeper", "--set", f"delay={delay}")
        assert done.code == 0, done.out + done.err
        summary = done.summary()
        assert summary["ledger"]["balances"]
        found.append(metric(summary, "overhead_median_ms"))
        line = summary["overhead"][0]
        assert (line["metric"], line["distinguishable"]) == ("overhead_median_ms", True), line
        assert line["pairs"] > 200
    plain, slept = found
    assert 4.5 < slept["value"] - plain["value"] < 10, found  # a sleep is never shorter; a busy machine wakes late
    assert slept["judged_low"] > plain["judged_high"]
    assert "noise floor" in done.out and "µs a request" in done.out
    costs = {cost["process"]: cost for cost in summary["cpu"]}
    assert costs["sleeper"]["value"] > 50  # an interpreted proxy does not forward in less than 50 µs
    assert costs["toxiproxy"]["requests"] > 5 * costs["sleeper"]["requests"]  # two links for each of three lanes
    page = (bench.newest() / "report.html").read_text()
    assert "Time beyond the provider" in page and "cannot be shown" not in page


@pytest.mark.slow
def test_no_gateway_adds_nothing(bench: Bench) -> None:
    """Against `direct` the scenario compares a path with itself: 0 lies in the interval, or the figure under the floor."""
    streams = "mix(chat(prompt_words=5, max_tokens=4), chat(prompt_words=5, max_tokens=4, stream=True))"
    done = compare(bench, "direct", traffic=streams)
    assert done.code == 0, done.out + done.err
    summary = done.summary()
    median = metric(summary, "overhead_median_ms")
    assert median["judged_low"] <= 0 <= median["judged_high"] or not summary["overhead"][0]["distinguishable"]
    assert {line["metric"] for line in summary["overhead"]} >= {"overhead_median_ms", "ttft_overhead_median_ms"}
    rows = pq.read_table(
        bench.newest() / "samples.parquet", columns=["arrival_id", "lane", "route", "provider"]
    ).to_pylist()
    assert summary["ledger"]["balances"] and len(rows) == summary["ledger"]["scheduled"]
    blocks: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        blocks.setdefault(row["arrival_id"] // 3, []).append(row)
    whole = [block for block in blocks.values() if len(block) == 3]
    assert len(whole) >= len(blocks) - 1
    for block in whole:
        assert {row["lane"] for row in block} == {"target", "direct", "null"}
        assert len({row["route"] for row in block}) == 1
    assert {row["provider"] for row in rows} == {"provider-a"}


def test_a_gateway_somebody_else_runs_is_refused(bench: Bench) -> None:
    """What stands behind a URL is not ours, so there is no path past it: a sentence and exit code 2, nothing started."""
    done = bench("run", "overhead", "--target", "http://127.0.0.1:9")
    assert done.code == 2
    assert "its upstreams are not ours" in done.err
    assert not bench.runs()
