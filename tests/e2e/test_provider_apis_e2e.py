"""Every API through a real gateway; limits, traces and unchanged resources in whole runs."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.e2e.bench_command import Bench

pytestmark = pytest.mark.e2e

EVERY = """
from gatebench import Scenario, check, constant, measured, phase, poisson, provider
from gatebench.traffic import chat, embeddings, messages, mix, models, rest

scenario = Scenario(
    traffic={traffic},
    load=poisson("{rate}"),
    phases=[phase("baseline", "3s")],
    objective={{"response_ms": 2000}},
    dispatch_limit_ms=500,
    checks=[check("error_share", at_most={errors}, estimate="point"), check("wrong_answer", at_most=0)],
    providers={{"provider-a": {provider}}},
)
"""
ALL = (
    "mix(chat(), chat(stream=True), messages(), messages(stream=True), embeddings(batch=3, dimensions=16), "
    "rest(resources=50, conditional=0.5), models())"
)


def scenario(bench: Bench, **parts: str) -> None:
    """Write a scenario with one provider."""
    given = {"traffic": ALL, "rate": "70/s", "errors": "0.0", "provider": "provider()", **parts}
    (bench.folder / "scenarios" / "one.py").write_text('"""One provider."""\n' + EVERY.format(**given))


def table(run: Path, name: str) -> list[dict[str, Any]]:
    """The rows of a run's table."""
    return list(pq.read_table(run / f"{name}.parquet").to_pylist())


@pytest.mark.parametrize(
    "target",
    ["direct", pytest.param("reference", marks=pytest.mark.slow), pytest.param("nginx", marks=pytest.mark.slow)],
)
def test_every_api_passes_through(bench: Bench, target: str) -> None:
    """All are ok and stamped for the right prompt, streams are whole, unchanged resources are known by their header."""
    if target == "nginx" and not shutil.which("nginx"):
        pytest.skip("needs nginx")
    scenario(bench)
    done = bench("run", "one", "--target", target)
    assert done.code == 0, done.out + done.err
    samples = table(bench.newest(), "samples")
    assert {row["outcome"] for row in samples} == {"ok"}
    assert {row["provider"] for row in samples} == {"provider-a"}
    assert {row["stamp_matches"] for row in samples} == {3}
    streams = [row for row in samples if row["route"].endswith("-stream")]
    assert {row["route"] for row in streams} == {"chat-stream", "messages-stream"}
    assert {(row["tokens"], row["terminal"]) for row in streams} == {(24, 1)}
    assert {row["status"] for row in samples if row["route"] == "rest"} == {200, 304}
    attempts = {row["attempt"]: row for row in table(bench.newest(), "attempts")}
    for row in samples:
        made = attempts[row["attempt"]]
        assert (made["request_id"], made["status"], made["end"]) == (row["request_id"], row["status"], "completed")
    for row in streams:
        made = attempts[row["attempt"]]
        assert made["tokens_out"] == 24
        assert 0 < made["gap_max_us"] <= (made["ended_ns"] - made["arrived_ns"]) // 1000


def test_a_limited_provider_rejects_in_the_ledger(bench: Bench) -> None:
    """20/s of 70/s pass: the others are 429s that the client saw and the provider counted, no more and no fewer."""
    scenario(
        bench,
        traffic="mix(chat(), messages())",
        errors="1.0",
        provider='provider(latency={"ttft_median_ms": 1, "token_ms": 0}, limits={"requests_per_s": 20})',
    )
    done = bench("run", "one", "--target", "direct")
    assert done.code == 0, done.out + done.err
    samples = Counter(row["outcome"] for row in table(bench.newest(), "samples"))
    attempts = Counter(row["status"] for row in table(bench.newest(), "attempts"))
    assert samples["rejected"] == attempts[429]
    assert samples["ok"] == attempts[200]
    # A bucket of 20 that gets 20 a second: what passes in the first and in the last moment of 3 s and its deadline.
    assert 20 <= attempts[200] <= 20 + 20 * 9
    assert attempts[429] > 0
    passed_ns = sorted(row["arrived_ns"] for row in table(bench.newest(), "attempts") if row["status"] == 200)
    for first in range(len(passed_ns) - 41):  # 41 within a second: 20 at once and 20 that came meanwhile are the most
        assert passed_ns[first + 41] - passed_ns[first] > 990_000_000


def test_a_trace_is_what_answers_take(bench: Bench) -> None:
    """No answer takes less than its row says, rows are replayed in order, and the plan names the file by its digest."""
    (bench.folder / "times.csv").write_text("ttft_ms\n30\n60\n5\n")
    scenario(bench, traffic="chat(max_tokens=1)", provider='measured("times.csv", order="replayed")')
    done = bench("run", "one", "--target", "direct")
    assert done.code == 0, done.out + done.err
    rows = table(bench.newest(), "attempts")
    assert len(rows) > 30
    for row in rows:
        # Timers have a grain of 1 ms and round to the nearest.
        assert row["service_ns"] >= ((30, 60, 5)[(row["attempt"] - 1) % 3] - 2) * 1_000_000
    plan = (bench.newest() / "run.json").read_text()
    assert '"path": "times.csv"' in plan
    assert '"rows": 3' in plan


def test_a_bad_trace_starts_nothing(bench: Bench) -> None:
    """Every line that is wrong is named, with exit code 2, and there is no run folder."""
    (bench.folder / "scenarios" / "times.csv").write_text("ttft_ms,token_ms\n30,1\nx,1\n-5,2\n1\n")
    scenario(bench, provider='provider(latency=measured("times.csv"))')
    done = bench("run", "one", "--target", "direct")
    assert done.code == 2
    said = done.out + done.err
    assert all(f"times.csv:{line}" in said for line in (3, 4, 5))
    assert bench.runs() == []
    checked = bench("check")
    assert checked.code == 2
    assert all(f"times.csv:{line}" in checked.out + checked.err for line in (3, 4, 5))
