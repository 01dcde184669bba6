"""The report judged by axe-core in a real browser: no serious fault, in both themes, on a desk and on a phone."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatebench.analysis.report import write_report
from gatebench.analysis.summary import summarise
from gatebench.content import Content
from gatebench.oracles.limiter.limit import Limit
from gatebench.run.folder import RunFolder
from tests.e2e.browser import Browser, program
from tests.factory import make_run
from tests.limited import honest, limited_run
from tests.planned import S

pytestmark = [
    pytest.mark.light,
    pytest.mark.e2e,
    pytest.mark.skipif(program() is None, reason="no Chromium is installed"),
]

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
# What is inside a drawing is one image to a screen reader, and thousands of marks to axe; `test_report_style.py` judges its colours.
JUDGED = """axe.run({ exclude: ['.plot svg > *'] }, { resultTypes: ['violations'] }).then((found) => found.violations
  .filter((fault) => ['serious', 'critical'].includes(fault.impact))
  .map((fault) => [fault.id, fault.help, fault.nodes.slice(0, 3).map((node) => node.html.slice(0, 200))]))"""
OPENED = """document.querySelectorAll('details:not(.long, .data), #chart-percentiles details.data')
  .forEach((details) => { details.open = true; })"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that fails, with a breaker: faults, evidence, every kind of mark."""
    knobs = {"warmup_s": 1, "baseline_s": 4, "fault_s": 5, "recovery_s": 4, "rate_per_s": 60}
    folder = make_run(tmp_path_factory.mktemp("runs"), lost=6, rejected=3, truncated=2, objective_ms=60, **knobs)
    record = json.loads((folder.path / "run.json").read_text())
    record["plan"]["declared"] = {"breaker": {"open_time": "2s"}}
    (folder.path / "run.json").write_text(json.dumps(record))
    return shown(folder)


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of a gateway with a limiter, a store, and a fault at it."""
    return shown(
        limited_run(tmp_path_factory.mktemp("runs"), honest(Limit("token-bucket", 10, S, 20)), store_fault=True)
    )


def shown(folder: RunFolder) -> RunFolder:
    """Read a run and write its report."""
    summarise(folder)
    write_report(folder, Content(folder.path))
    return folder


def test_axe_is_the_published_file() -> None:
    """The vendored judge has the digest and the version that its README states."""
    content = AXE.read_bytes()
    told = (AXE.parent / "README.md").read_text()
    assert hashlib.sha256(content).hexdigest() in told
    version = re.search(rb"axe v([\d.]+)", content[:100])
    assert version is not None
    assert f"| {version[1].decode()} |" in told


def test_axe_finds_faults_where_there_are_some(browser: Browser, tmp_path: Path) -> None:
    """The judge is awake: a page without language, with an unlabelled field and a pale word, is faulted for each."""
    page = tmp_path / "page.html"
    page.write_text("<!doctype html><title>x</title><main><input><p style='color:#eee;background:#fff'>pale</p></main>")
    browser.open(page)
    browser.evaluate(AXE.read_text() + ";0")
    assert {fault for fault, _, _ in browser.evaluate(JUDGED)} >= {"html-has-lang", "label", "color-contrast"}


@pytest.mark.parametrize(("which", "width", "scheme"), [("broken", 1280, "light"), ("limited", 390, "dark")])
def test_no_serious_fault(
    browser: Browser, request: pytest.FixtureRequest, which: str, width: int, scheme: str
) -> None:
    """With everything unfolded but long lists and all but one of the tables of data, axe-core finds nothing serious or critical."""
    folder: RunFolder = request.getfixturevalue(which)
    browser.open(folder.report, width=width, scheme=scheme)
    browser.evaluate(OPENED)
    browser.evaluate(AXE.read_text() + ";0")
    assert browser.evaluate(JUDGED) == []
    wanted = {"broken": "breaker", "limited": "limiter"}[which]
    assert browser.evaluate(f"document.querySelectorAll('#{wanted} svg[role=img]').length") == 1
