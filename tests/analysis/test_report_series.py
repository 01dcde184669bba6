"""What a gateway says of itself stands apart from what we read of it, and does nothing on the page but stand there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gatebench.analysis.cpu import costs
from gatebench.analysis.limits import harness_limits
from gatebench.analysis.report import server_side, write_report
from gatebench.analysis.report.charts import harness, target
from gatebench.analysis.report.charts.chart import Chart, NoChart
from gatebench.analysis.report.reading import read as read_report
from gatebench.analysis.series import processes, sources
from gatebench.analysis.summary import summarise
from gatebench.analysis.tables import read
from gatebench.plan import PagePlan
from gatebench.run.folder import RunFolder
from gatebench.run.pages import Page, PageFile
from gatebench.run.series import PAGES_PART, PROCESSES_PART, PROMETHEUS_PART
from tests.factory import make_run
from tests.planned import LOAD_START_NS, S

SCRIPT = "</script><script>window.pwned = true</script><img src=x onerror='window.pwned = true'>"
SECONDS = 17
BRIEF = {"rate_per_s": 40, "warmup_s": 1, "baseline_s": 5, "fault_s": 5, "recovery_s": 6}


def page(second: int) -> bytes:
    """A page on which each second 40 requests more took 40 ms, beside metrics that are called as ours are."""
    done = 40 * second
    fault = 6 <= second < 11
    return f"""
# TYPE gw_request_seconds histogram
gw_request_seconds_bucket{{le="0.025"}} 0
gw_request_seconds_bucket{{le="0.05"}} {done}
gw_request_seconds_bucket{{le="+Inf"}} {done}
gw_request_seconds_sum {done * 0.04}
gw_request_seconds_count {done}
gw_latency_bucket{{le="1"}} {done}
gw_latency_bucket{{le="+Inf"}} {done}
gw_sizes_bucket{{le="+Inf"}} {done}
# TYPE gw_requests_total counter
gw_requests_total{{outcome="ok",what="{SCRIPT.replace('"', "'")}"}} {done}
# TYPE gw_open gauge
gw_open {int(fault)}
gw_fixed 3
process_cpu_seconds_total {0.02 * second}
cpu_s {1e9 * second}
cpu_s{{process="refgate"}} {1e9 * second}
rss_bytes {1e15 * second}
descriptors 1e9
threads 1e9
""".encode()


def run_with(root: Path, *pages: Page, prometheus: list[object] | None = None) -> RunFolder:
    """A run whose gateway has a page, its table not assembled yet: somebody killed the run."""
    folder = make_run(root, **BRIEF)
    rows = processes(folder.series)
    lines = rows[["at_ns", "process", "metric", "value"]].to_numpy().tolist()
    folder.series.unlink()
    (folder.parts / PROCESSES_PART).write_text("".join(json.dumps(line) + "\n" for line in lines))
    with (folder.parts / PAGES_PART).open("wb") as file:
        part = PageFile(file)
        for one in pages:
            part.add(one)
    if prometheus is not None:
        (folder.parts / PROMETHEUS_PART).write_text("".join(json.dumps(line) + "\n" for line in prometheus))
    record = folder.load()
    record.plan = record.plan.model_copy(update={"page": PagePlan(path="/metrics")})
    folder.save(record)
    return folder


def pages() -> list[Page]:
    """One page a second."""
    return [Page(LOAD_START_NS + second * S, page(second)) for second in range(SECONDS)]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run whose gateway said what `page` has, twice in vain, and that a Prometheus knew too; summarised."""
    head = {
        "address": "127.0.0.1:9090",
        "asked": "{}",
        "unix_ns": 0,
        "monotonic_ns": LOAD_START_NS,
        "why": "",
        "trouble": [],
    }
    answers: list[object] = [head, [{"__name__": "up", "cpu_s": SCRIPT}, [[at, str(at % 2)] for at in range(SECONDS)]]]
    lost = [Page(LOAD_START_NS + 1, why="nobody listens"), Page(LOAD_START_NS + 2, why="nobody listens")]
    folder = run_with(tmp_path_factory.mktemp("told"), *pages(), *lost, prometheus=answers)
    summarise(folder)
    return folder


def test_a_gateway_cannot_lie_about_our_figures(told: RunFolder, tmp_path: Path) -> None:
    """Costs, growth of memory, warnings and charts are what they are without a page that calls its metrics as we do."""
    plain = make_run(tmp_path, **BRIEF)
    ours, theirs = read(plain), read(told)
    assert costs(theirs) == costs(ours)
    assert list(harness_limits(told, theirs.plan)) == list(harness_limits(plain, ours.plan)) == []
    for name in ("memory_growth_mb", "cpu_us_per_request"):
        found = [[m.model_dump() for m in summarise(one).metrics if m.name == name] for one in (plain, told)]
        assert found[0] == found[1]
        assert found[0]
    drawn = harness.processes(theirs, read_report(told).series)
    assert isinstance(drawn, Chart)
    assert drawn.data == harness.processes(ours, read_report(plain).series).data  # type: ignore[union-attr]  # both were drawn


def test_a_killed_run_has_its_series(told: RunFolder) -> None:
    """What nobody assembled is assembled by whoever reads the run."""
    assert told.series.exists()
    page_source, prometheus = sources(told.series)
    assert page_source.heard.failures == {"nobody listens": 2}
    assert len(page_source.readings_ns) == SECONDS
    assert prometheus.heard.source == "prometheus 127.0.0.1:9090"


def test_latency_stands_by_phase_beside_the_clients(told: RunFolder) -> None:
    """p50 of 40 ms in a bucket from 25 to 50 ms is 37.5 ms, and the bucket says how little that is."""
    rows = server_side.rows(read_report(told))
    assert {row.family for row in rows} == {"gw_request_seconds", "gw_latency"}, "sizes are no times"
    (row,) = [row for row in rows if row.family == "gw_request_seconds" and row.phase == "baseline"]
    assert row.counted == "200", "40 a second between the readings at 1 s and at 6 s"
    assert row.server["p50"].text.split() == ["37.5", "ms"]
    assert row.server["p50"].interval.split() == ["25.0–50.0", "ms"]
    assert row.note == "buckets too coarse for p50, p95, p99"
    assert row.client["p50"].status == "known"
    assert row.cpu.note == "by its own account", "five seconds are too few for the operating system's ticks"
    sent_s = (read(told).at_target["sent_ns"].to_numpy() - LOAD_START_NS) / S
    sent = int(((sent_s >= 1) & (sent_s < 6)).sum())
    assert row.cpu.text.split() == [f"{0.02 * 5 / sent * 1e6:.0f}", "µs"]
    latency = next(row for row in rows if row.family == "gw_latency")
    assert "its name says no unit" in latency.note


def test_what_changes_most_is_drawn_first(told: RunFolder) -> None:
    """A gauge that a fault moves comes before a rate that hardly moves; what never changes is not drawn."""
    reading = read_report(told)
    assert reading.tables is not None
    chart, other = target.said(reading.tables, reading.sources)
    assert isinstance(chart, Chart)
    assert isinstance(other, Chart)
    names = chart.facts["names"]
    assert names[0] == "gw_open"
    assert "gw_fixed" not in names
    assert not any("_bucket" in name for name in names)
    assert len(names) <= target.MOST
    columns = chart.data[0].columns
    series, shown = columns["series"], columns["shown"]
    assert isinstance(series, dict)
    assert isinstance(shown, dict)
    rates = {series["words"][one] for one, unit in zip(series["codes"], shown["codes"], strict=True) if unit == 1}
    assert all(name.partition("{")[0].endswith(("_total", "_sum", "_count")) for name in rates)


def test_a_page_that_never_moves_is_said(told: RunFolder) -> None:
    """No chart, and why."""
    reading = read_report(told)
    assert reading.tables is not None
    still = next(source for source in reading.sources if source.is_page)
    lines = {"gw_fixed": still.lines["gw_fixed"]}
    (found,) = target.said(reading.tables, (type(still)(still.heard, lines),))
    assert isinstance(found, NoChart)
    assert "None of its 1 series changed" in found.why


def test_others_are_data_and_bounded(told: RunFolder) -> None:
    """The thirteenth series and those after it are in the page's data, as far as they fit."""
    reading = read_report(told)
    assert reading.tables is not None
    still = reading.sources[0]
    like = still.lines["gw_open"]
    lines = {f"g{n:04}": type(like)(f"g{n:04}", like.at_ns, like.values + n % 3) for n in range(3000)}
    (chart,) = target.said(reading.tables, (type(still)(still.heard, lines),))
    assert isinstance(chart, Chart)
    assert [data.rows for data in chart.data] == [12 * SECONDS, target.MOST_OTHER_ROWS // SECONDS * SECONDS]
    assert "in series.parquet only" in chart.caption


def test_the_page_stands_whatever_the_gateway_says(told: RunFolder) -> None:
    """Labels with scripts are text, the section is there, and notes say how often the page was not."""
    html = write_report(told).read_text()
    assert "window.pwned = true" in html
    assert "<script>window.pwned" not in html
    assert "<img src=x" not in html
    assert 'id="series"' in html
    assert "cannot be shown" not in html
    assert "in vain: 2 times nobody listens" in html
    assert html.count("gw_request_seconds</code>") == 3, "a row a phase"
    assert len(html) < 2_000_000


def test_nothing_is_shown_where_nothing_was_said(tmp_path: Path) -> None:
    """A run without series has no section."""
    folder = make_run(tmp_path, **BRIEF, series=False)
    summarise(folder)
    assert 'id="series"' not in write_report(folder).read_text()


def test_a_page_that_never_came_is_a_warning(tmp_path: Path) -> None:
    """Of nothing at all the summary says why; the verdict is what it is without."""
    folder = run_with(tmp_path, *(Page(LOAD_START_NS + n, why="it answers 404") for n in range(5)))
    summary = summarise(folder)
    assert "Nothing is known from /metrics: it answers 404." in summary.warnings
    assert summary.verdict == summarise(make_run(tmp_path, **BRIEF)).verdict
    assert server_side.rows(read_report(folder)) == []
    assert "Nothing is known from /metrics" in write_report(folder).read_text()


def test_huge_values_break_no_chart(tmp_path: Path) -> None:
    """Numbers at the end of what a float holds, and infinities."""
    values = [1e308, -1e308, np.inf, 5.0]
    bodies = [f"a {value}\nb_total {value}\n".encode() for value in values]
    folder = run_with(tmp_path, *(Page(LOAD_START_NS + n * S, body) for n, body in enumerate(bodies)))
    summarise(folder)
    assert "cannot be shown" not in write_report(folder).read_text()
