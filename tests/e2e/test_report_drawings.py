"""The charts in a real browser: bands stand where the events say, timelines where there is a mechanism, data can be saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gatebench.analysis.report import write_report
from gatebench.analysis.summary import summarise
from gatebench.content import Content
from gatebench.oracles.limiter.limit import Limit
from gatebench.run.folder import RunFolder
from tests.cached import cached_run
from tests.e2e.browser import SAVED_CSV, Browser, program
from tests.factory import make_run
from tests.limited import honest, limited_run
from tests.planned import LOAD_START_NS, S

pytestmark = [
    pytest.mark.light,
    pytest.mark.e2e,
    pytest.mark.skipif(program() is None, reason="no Chromium is installed"),
]

# The ends of every band, in seconds: their places on the paper, read back by the labels of the time axis.
BANDS = """(() => {
  const svg = document.querySelector('#chart-%s svg[role=img]');
  const middle = (box) => (box.left + box.right) / 2;
  const labels = [...svg.querySelectorAll('text')].filter((text) => /^[+-]?[\\d.]+ s$/.test(text.textContent))
    .map((text) => [parseFloat(text.textContent), middle(text.getBoundingClientRect())]).sort((a, b) => a[0] - b[0]);
  const [[s0, x0], [s1, x1]] = [labels[0], labels.at(-1)];
  const at = (x) => s0 + (x - x0) / (x1 - x0) * (s1 - s0);
  return {
    bands: [...svg.querySelectorAll('.bands rect')].map((band) => band.getBoundingClientRect()).map((box) => [at(box.left), at(box.right)]),
    pixel: (s1 - s0) / (x1 - x0),
  };
})()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def shown(folder: RunFolder) -> RunFolder:
    """Read a run and write its report."""
    summarise(folder)
    write_report(folder, Content(folder.path))
    return folder


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run through a gateway with a breaker, whose first provider fails."""
    knobs = {"warmup_s": 1, "baseline_s": 4, "fault_s": 7, "recovery_s": 6}
    folder = make_run(tmp_path_factory.mktemp("broken"), lost=6, **knobs)
    record = json.loads((folder.path / "run.json").read_text())
    record["plan"]["declared"] = {"breaker": {"open_time": "2s"}}
    (folder.path / "run.json").write_text(json.dumps(record))
    return shown(folder)


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run through a gateway with a limiter."""
    return shown(limited_run(tmp_path_factory.mktemp("limited"), honest(Limit("token-bucket", 10, S, 20)), probed=True))


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run through a gateway with a cache."""
    root = tmp_path_factory.mktemp("cached")
    cached_run(root)
    return shown(RunFolder(next(root.iterdir())))


def edges_s(folder: RunFolder) -> tuple[float, float]:
    """Return when the engine acknowledged the fault and its end, seconds from the start of the load, by the events."""
    at_ns = {event["event"]: event["at_ns"] - LOAD_START_NS for event in folder.events()}
    return at_ns["fault.acknowledged"] / 1e9, at_ns["fault.cleared"] / 1e9


@pytest.mark.parametrize("width", [390, 1280])
def test_bands_stand_where_the_events_say(browser: Browser, broken: RunFolder, width: int) -> None:
    """On every chart over time the band begins at the acknowledgement of the fault and ends at that of its end."""
    browser.open(broken.report, width=width)
    on_s, off_s = edges_s(broken)
    for chart in ("latency", "outcomes", "served", "arrivals", "breaker-provider-a"):
        found = browser.evaluate(BANDS % chart)
        assert len(found["bands"]) == 1, chart
        assert found["bands"][0] == pytest.approx([on_s, off_s], abs=2 * found["pixel"]), chart
    assert browser.complaints == []


def test_close_ups_stand_at_both_edges(browser: Browser, broken: RunFolder) -> None:
    """Around the beginning the band begins at 0, around the end it ends there; lost requests have marks of their own."""
    browser.open(broken.report)
    before = browser.evaluate(BANDS % "closeup-f1")
    assert before["bands"][0][0] == pytest.approx(0, abs=2 * before["pixel"])
    browser.evaluate("document.querySelector('#chart-closeup-f1 input[value=end]').click()")
    after = browser.evaluate(BANDS % "closeup-f1")
    assert after["bands"][0][1] == pytest.approx(0, abs=2 * after["pixel"])
    assert "acknowledged off" in browser.evaluate("document.querySelector('#chart-closeup-f1').textContent")
    assert len(browser.evaluate(SAVED_CSV % "closeup-f1")) == 4
    assert browser.complaints == []


@pytest.mark.parametrize(
    ("which", "there", "columns"),
    [
        (
            "broken",
            "breaker",
            ["from_s,to_s,end,attempts,per_s", "from_s,to_s,who,requests,per_s", "from_s,to_s,state", "at_s,what"],
        ),
        ("limited", "limiter", ["from_s,to_s,tenant,given,requests,per_s", "from_s,to_s,tenant,requests,per_s"]),
        ("cached", "cache", ["from_s,to_s,made,requests,share", "from_s,to_s,requests,claimed,share"]),
    ],
)
def test_a_timeline_stands_where_its_mechanism_is(
    browser: Browser, request: pytest.FixtureRequest, which: str, there: str, columns: list[str]
) -> None:
    """Each run has the timeline of its own mechanism and of no other; it fits a phone, is labelled, and its data can be saved."""
    folder: RunFolder = request.getfixturevalue(which)
    for width in (390, 1280):
        browser.open(folder.report, width=width, scheme="dark")
        sections = browser.evaluate("[...document.querySelectorAll('main > section')].map((section) => section.id)")
        assert [name for name in ("breaker", "limiter", "cache") if name in sections] == [there]
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        label = browser.evaluate(f"document.querySelector('#{there} svg[role=img]').getAttribute('aria-label')")
        assert any(letter.isdigit() for letter in label)
    chart = browser.evaluate(f"document.querySelector('#{there} figure').dataset.chart")
    saved: list[str] = browser.evaluate(SAVED_CSV % chart)
    assert [text.split("\r\n")[0] for text in saved] == columns
    assert browser.complaints == []
    assert browser.requests == [folder.report.resolve().as_uri()]


def test_data_of_every_chart_can_be_saved(browser: Browser, broken: RunFolder) -> None:
    """Behind each chart are its tables as CSV, with a head and rows, made in the page."""
    browser.open(broken.report)
    charts = browser.evaluate(
        "[...document.querySelectorAll('figure[data-chart]')].map((figure) => figure.dataset.chart)"
    )
    assert len(charts) >= 9
    for chart in charts:
        saved = browser.evaluate(SAVED_CSV % chart)
        assert saved, chart
        assert all(text.count("\r\n") >= 2 for text in saved), chart
    assert browser.requests[1:] == []


def test_breaker_strip_follows_the_states(browser: Browser, broken: RunFolder) -> None:
    """The strip holds a stretch for each state, in the order of the data, and a mark for each probe."""
    browser.open(broken.report)
    found: dict[str, Any] = browser.evaluate(
        """(() => { const [, strip] = document.querySelectorAll('#breaker .plot > svg');
        return { widths: [...strip.querySelectorAll('rect')].map((r) => r.getBoundingClientRect().width),
                 probes: strip.querySelectorAll('g[aria-label=dot] path, g path').length }; })()"""
    )
    states = [
        line.split(",") for line in browser.evaluate(SAVED_CSV % "breaker-provider-a")[2].strip().split("\r\n")[1:]
    ]
    assert len(found["widths"]) == len(states) >= 4
    lengths = [float(to_s) - float(from_s) for from_s, to_s, _ in states]
    longest = lengths.index(max(lengths))
    assert found["widths"].index(max(found["widths"])) == longest
    assert found["probes"] >= 2


def test_page_on_paper(browser: Browser, limited: RunFolder) -> None:
    """On a sheet of A4 (718 pixels between its margins) nothing is wider than the paper, it is white, and no control is left."""
    browser.open(limited.report, width=718, scheme="dark")
    browser.call("Emulation.setEmulatedMedia", media="print", features=[])
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.evaluate(
        "[...document.querySelectorAll('.tools, nav, .chart .data')].every((e) => !e.checkVisibility())"
    )
    assert browser.evaluate("document.documentElement.scrollWidth") <= 718
    browser.call("Emulation.setEmulatedMedia", media="")
