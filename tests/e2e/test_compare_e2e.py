"""A real comparison, short: the null target and two gateways once each, and the page that shows them in a browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.bench_command import LATE, Bench
from tests.e2e.browser import Browser, program

pytestmark = pytest.mark.e2e


def test_two_targets_are_compared_on_one_machine(tmp_path: Path) -> None:
    """One round of each has numbers and no winners: exit code 4, every run whole, and a page that asks for nothing."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    bench = Bench(tmp_path)
    phases = 'phase("warmup", "500ms"), phase("baseline", "2s")'
    bench.scenario("short", load='poisson("30/s")', phases=phases, more=LATE)
    words = ["compare", "--scenario", "short", "--target", "reference,nginx", "--rounds", "1"]
    done = bench(*words, "--json", "--quiet", timeout_s=180)
    told = json.loads(done.out)
    assert (done.code, told["word"]) == (4, "one round"), (told["sentence"], done.err)
    assert [(one["side"], one["valid"]) for one in told["rounds"]] == [("reference", True), ("nginx", True)]
    assert [one["valid"] for one in told["floor"]] == [True]
    row = next(one for one in told["rows"] if one["metric"] == "response_p50_ms" and one["phase"] == "baseline")
    medians = [row["sides"][side]["median"] for side in ("reference", "nginx")]
    assert min(medians) > 0 and row["floor"] > 0
    assert all(side["winner"] is None for one in told["rows"] for side in one["sides"].values())
    report = tmp_path / told["folder"] / "report.html"
    if program() is None:
        pytest.skip("there is no browser")
    with Browser(tmp_path / "profile") as browser:
        browser.open(report)
        assert browser.complaints == [] and browser.requests == [report.resolve().as_uri()]
        drawn = browser.evaluate(
            "[...document.querySelectorAll('figure[data-chart]')].map((f) => !!f.querySelector('svg[role=img]'))"
        )
        assert drawn and all(drawn)
        links = browser.evaluate("[...document.querySelectorAll('#validity a')].map((a) => a.getAttribute('href'))")
        assert len(links) == 3 and all((report.parent / link).is_file() for link in links)
