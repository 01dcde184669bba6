"""`bench aa` with a real gateway: eight pairs, made, studied and kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.bench_command import Bench


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_real_rounds_are_studied(tmp_path: Path) -> None:
    """Sixteen runs of two seconds against the reference gateway: a result in JSON, and the noise of its p95."""
    bench = Bench(tmp_path)
    bench.scenario("short")
    done = bench("aa", "short", "--target", "reference", "--rounds", "8", "--json", timeout_s=850)
    assert done.code in {0, 1}, done.err
    found = json.loads(done.out)
    assert found["pairs"] == 8
    assert found["pair_s"] > 4
    kept = json.loads((tmp_path / "noise" / "short-reference.json").read_text())
    series = next(one for one in kept["series"] if (one["metric"], one["phase"]) == ("response_p95_ms", "baseline"))
    assert len(set(series["first"] + series["second"])) > 8
