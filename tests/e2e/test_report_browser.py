"""The report in a real browser: it draws, asks for nothing, fits every screen, and runs nothing of anybody else's."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gatebench.analysis.report import write_report
from gatebench.analysis.summary import summarise
from gatebench.content import Content
from gatebench.run.folder import RunFolder
from tests.crowded import FLAPS, crowd
from tests.e2e.browser import SAVED_CSV, Browser, program
from tests.factory import make_run

pytestmark = [
    pytest.mark.light,
    pytest.mark.e2e,
    pytest.mark.skipif(program() is None, reason="no Chromium is installed"),
]

HOSTILE = "=1+1</script><script>window.pwned = true</script><img src=x onerror='window.pwned = true'>"


LANES = """(() => {
  const svg = document.querySelector('#chart-latency svg[role=img]'), edge = svg.getBoundingClientRect();
  const box = (element) => { const r = element.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
  const lanes = svg.querySelector('.lanes');
  return {
    labels: [...lanes.querySelectorAll('text')].map((text) => [text.textContent, box(text)]),
    bars: [...lanes.querySelectorAll('rect')].map(box),
    hatched: lanes.querySelectorAll('g[fill="url(#by-hand-bar)"]').length,
    asked: lanes.querySelectorAll('path').length,
    heights: [...lanes.querySelectorAll('g')].map((bar) => [...bar.querySelectorAll('rect')].map((r) => +r.getAttribute('height'))),
    edge: [edge.left, edge.right], said: svg.getAttribute('aria-label'),
    legend: document.querySelector('#chart-latency .legend').textContent,
  };
})()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run in which a little of everything went wrong, read and shown."""
    knobs = {"warmup_s": 1, "baseline_s": 4, "fault_s": 5, "recovery_s": 8}
    folder = make_run(tmp_path_factory.mktemp("runs"), lost=6, rejected=3, objective_ms=100, **knobs)
    summarise(folder)
    write_report(folder, Content(folder.path))
    return folder


@pytest.fixture(scope="module")
def crowded(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The same run with a flap, a ramp, and two windows that somebody put on by hand."""
    folder = crowd(RunFolder(Path(shutil.copytree(run.path, tmp_path_factory.mktemp("crowded") / "run"))))
    write_report(folder, Content(folder.path))
    return folder


@pytest.fixture(scope="module")
def hostile(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The same run with hostile names and words in it."""
    folder = RunFolder(Path(shutil.copytree(run.path, tmp_path_factory.mktemp("hostile") / "run")))
    summary = json.loads((folder.path / "summary.json").read_text())
    summary["headline"] = summary["checks"][0]["why"] = HOSTILE
    summary["checks"][0]["evidence"] = [{HOSTILE: HOSTILE}]
    (folder.path / "summary.json").write_text(json.dumps(summary))
    record = json.loads((folder.path / "run.json").read_text())
    record["plan"]["phases"][3]["name"] = record["plan"]["faults"][0]["name"] = HOSTILE
    (folder.path / "run.json").write_text(json.dumps(record))
    write_report(folder, Content(folder.path))
    return folder


def test_page_draws_and_asks_for_nothing(browser: Browser, run: RunFolder) -> None:
    """Every figure has a labelled drawing, nothing is fetched but the file, and nothing complains."""
    browser.open(run.report)
    figures = browser.evaluate("document.querySelectorAll('figure[data-chart]').length")
    drawn = browser.evaluate(
        "[...document.querySelectorAll('figure[data-chart] svg[role=img]')].map((svg) => svg.getAttribute('aria-label'))"
    )
    assert len(drawn) == figures >= 8
    assert all(len(label) > 20 for label in drawn)
    assert browser.requests == [run.report.resolve().as_uri()]
    assert browser.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_page_fits(browser: Browser, run: RunFolder, width: int, scheme: str) -> None:
    """No screen scrolls sideways, charts stay within it, and the theme is the system's."""
    browser.open(run.report, width=width, scheme=scheme)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(
        "[...document.querySelectorAll('.plot svg')].every((svg) => svg.getBoundingClientRect().right <= innerWidth)"
    )
    ground = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(252, 252, 250)", "dark": "rgb(21, 23, 26)"}[scheme]


def test_theme_can_be_chosen(browser: Browser, run: RunFolder) -> None:
    """The reader's choice wins over the system's."""
    browser.open(run.report, scheme="light")
    browser.evaluate(
        "(() => { const s = document.getElementById('theme'); s.value = 'dark'; s.dispatchEvent(new Event('change')); })()"
    )
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 23, 26)"
    browser.evaluate("localStorage.clear()")


def test_data_can_be_saved(browser: Browser, run: RunFolder) -> None:
    """The CSV behind the response times holds a line for every request, and the same numbers as the samples."""
    browser.open(run.report)
    bins, requests = browser.evaluate(SAVED_CSV % "latency")
    lines = requests.strip().split("\r\n")
    samples = pq.read_table(run.samples)
    assert lines[0] == "due_s,response_ms,state,provider"
    assert len(lines) == samples.num_rows + 1
    assert bins.startswith("from_s,to_s,requests,min_ms,p50_ms,p95_ms,p99_ms,max_ms\r\n")
    assert {line.split(",")[2] for line in lines[1:]} == {"good", "late", "rejected", "error"}
    assert browser.complaints == []


def test_scale_can_be_switched(browser: Browser, run: RunFolder) -> None:
    """The linear scale begins at nothing, the logarithmic one cannot."""
    browser.open(run.report)
    first = "document.querySelector('#chart-latency svg[role=img]').textContent"
    logarithmic = browser.evaluate(first)
    browser.evaluate("document.querySelector('#chart-latency input[value=linear]').click()")
    linear = browser.evaluate(first)
    assert "0 ms" in linear.split("0 s")[0]
    assert linear != logarithmic


def test_page_is_for_keyboards(browser: Browser, run: RunFolder) -> None:
    """The first stop leads to the verdict, each of the first stops is seen, and arrows choose a scale."""
    browser.open(run.report)
    for number in range(4):
        for kind in ("keyDown", "keyUp"):
            browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        if number == 0:
            assert browser.evaluate("document.activeElement.getAttribute('href')") == "#main"
        assert browser.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.evaluate("document.querySelector('#chart-latency input').focus()")
    for kind in ("rawKeyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key="ArrowRight", code="ArrowRight", windowsVirtualKeyCode=39)
    assert browser.evaluate("document.querySelector('#chart-latency input:checked').value") == "linear"


def test_text_of_charts_can_be_selected(browser: Browser, run: RunFolder) -> None:
    """Words inside a drawing are text: they can be selected and searched."""
    browser.open(run.report)
    words = browser.evaluate(
        "(() => { getSelection().selectAllChildren(document.querySelector('#chart-latency svg[role=img]'));"
        " return getSelection().toString(); })()"
    )
    assert "baseline" in words
    assert "objective 100 ms" in words


def test_metrics_can_be_filtered(browser: Browser, run: RunFolder) -> None:
    """Only rows that hold every word stay."""
    browser.open(run.report)
    shown = browser.evaluate(
        "(() => { document.querySelector('.all-metrics').open = true; const f = document.getElementById('metric-filter');"
        " f.value = 'P99 recovery'; f.dispatchEvent(new Event('input'));"
        " return [...document.querySelectorAll('#metric-table tbody tr:not([hidden])')].map((row) => row.textContent); })()"
    )
    assert shown
    assert all("p99" in text.lower() and "recovery" in text for text in shown)


def test_page_prints(browser: Browser, run: RunFolder) -> None:
    """Printing makes a PDF with everything unfolded but the two long lists, and folds it again afterwards."""
    browser.open(run.report, scheme="dark")
    folded = browser.evaluate("document.querySelectorAll('main details:not([open])').length")
    printed = base64.b64decode(browser.call("Page.printToPDF")["data"])
    assert printed.startswith(b"%PDF")
    browser.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert browser.evaluate("document.querySelectorAll('main details:not(.data, .long):not([open])').length") == 0
    browser.evaluate("dispatchEvent(new Event('afterprint'))")
    assert browser.evaluate("document.querySelectorAll('main details:not([open])').length") == folded


def test_hostile_text_does_nothing(browser: Browser, hostile: RunFolder) -> None:
    """Hostile names and words are shown as text, in tables and in charts, and in a CSV no spreadsheet runs them."""
    browser.open(hostile.report)
    assert browser.evaluate("typeof window.pwned") == "undefined"
    assert browser.evaluate("document.querySelectorAll('img').length") == 0
    assert browser.evaluate("document.querySelector('h1').textContent") == HOSTILE
    assert browser.complaints == []
    (percentiles,) = browser.evaluate(SAVED_CSV % "percentiles")
    assert f'"\'{HOSTILE}"' in percentiles or f"'{HOSTILE}" in percentiles
    assert f"\n{HOSTILE}" not in percentiles


@pytest.mark.parametrize("width", [390, 1280])
def test_many_faults_stay_readable(browser: Browser, crowded: RunFolder, width: int) -> None:
    """Windows of one use share a label, no label lies on a bar or on another, ramps step, and what was by hand is hatched."""
    browser.open(crowded.report, width=width)
    lanes = browser.evaluate(LANES)
    assert [text for text, _ in lanes["labels"]] == [
        "provider-drops on provider-a",
        f"link-down on provider-a ×{FLAPS}",
        "latency on provider-b 20 → 80 → 140 → 200\u202fms",
        "latency on provider-b ×2 (by hand)",
    ]
    left, right = lanes["edge"]
    boxes = [box for _, box in lanes["labels"]]
    assert all(left <= box[0] and box[2] <= right for box in boxes)
    for place, box in enumerate(boxes):
        assert not any(crosses(box, other) for other in [*boxes[place + 1 :], *lanes["bars"]])
    assert lanes["heights"].count([10]) == 1 + FLAPS + 2
    assert [1 < steps[0] < steps[1] < steps[2] < steps[3] for steps in lanes["heights"] if len(steps) == 4] == [True]
    assert lanes["hatched"] == 2
    assert lanes["asked"] == FLAPS  # asked for 100 ms before they began; the other edges lie on one another
    assert "fault put on by hand" in lanes["legend"]
    assert "asked for" in lanes["legend"]
    assert "Faults meanwhile: provider-drops on provider-a; link-down" in lanes["said"]
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.complaints == []


def crosses(one: list[float], other: list[float]) -> bool:
    """Whether two boxes share more than a line; letters are lower than their boxes."""
    return one[0] < other[2] and other[0] < one[2] and one[1] + 3 < other[3] and other[1] + 3 < one[3]


def test_link_unfolds_a_fault(browser: Browser, crowded: RunFolder) -> None:
    """The name of a fault in the overview leads into its details, which open."""
    browser.open(crowded.report)
    state = "document.getElementById('fault-w1').closest('details').open"
    assert browser.evaluate(state) is False
    browser.evaluate("document.querySelector('a[href=\"#fault-w1\"]').click()")
    assert browser.evaluate(f"new Promise((done) => setTimeout(() => done({state}), 100))") is True


def test_injected_script_is_stopped(browser: Browser, run: RunFolder, tmp_path: Path) -> None:
    """Were a script to slip into the page, the browser would refuse it: the policy is what it says."""
    page = run.report.read_text().replace("<main", "<script>window.pwned = true</script><main", 1)
    (tmp_path / "page.html").write_text(page)
    browser.open(tmp_path / "page.html")
    assert browser.evaluate("typeof window.pwned") == "undefined"
    assert any("Content Security Policy" in complaint for complaint in browser.complaints)


def test_partial_run_draws(browser: Browser, tmp_path: Path) -> None:
    """The report of a killed run that nobody has read draws what is there, and nothing complains."""
    folder = make_run(tmp_path, killed_at_s=5.0, warmup_s=1, baseline_s=4, fault_s=5, recovery_s=8)
    write_report(folder, Content(tmp_path))
    browser.open(folder.report)
    assert browser.evaluate("document.querySelectorAll('svg[role=img]').length") >= 4
    assert browser.complaints == []
