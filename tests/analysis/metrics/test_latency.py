"""Distributions: exact percentiles, their intervals, and who is in which."""

from __future__ import annotations

import numpy as np
import pytest

from gatebench.analysis.metrics.latency import at_percentile, difference, interval, ratio
from gatebench.traffic import Route
from tests.analysis.conftest import Read, Reading

TWO_ROUTES = (Route(name="chat"), Route(name="talk", stream=True, weight=0.5))


@pytest.mark.parametrize(("name", "share"), [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)])
def test_percentiles_are_exact(healthy: Reading, name: str, share: float) -> None:
    """Every percentile is the nearest rank over all rows of its phase."""
    rows = healthy.tables.phase_rows("fault")
    value = healthy.value(f"response_{name}_ms", "fault")
    assert value.value == np.quantile(rows["response_ms"], share, method="inverted_cdf")
    assert value.n == len(rows)
    assert value.value is not None
    assert value.low is not None
    assert value.high is not None
    assert value.low <= value.value <= value.high
    assert "moving blocks" in value.why


def test_p999_waits_for_ten_rows_beyond_it(healthy: Reading) -> None:
    """p99.9 of a few thousand rows is unknown, with what it would take."""
    value = healthy.value("response_p999_ms")
    assert (value.status, value.value) == ("unknown", None)
    assert "10 000 rows" in value.why
    assert at_percentile(np.arange(10_000.0), "p999").value == 9989.0  # rank ⌈0.999 · 10 000⌉ = 9 990


@pytest.mark.parametrize(("name", "n"), [("p50", 1), ("p95", 19), ("p99", 99)])
def test_too_few_rows_are_unknown(name: str, n: int) -> None:
    """A percentile that is only the largest of a few rows is unknown, never a number."""
    assert at_percentile(np.arange(float(n)), name).status == "unknown"
    assert at_percentile(np.arange(float(n + 1)), name).status == "known"


def test_few_rows_show_no_upper_end(reading: Read) -> None:
    """With fewer rows than an upper end needs, it is null in the summary."""
    value = reading(rate_per_s=40).value("response_p99_ms", "fault")
    assert value.value is not None
    assert value.low is not None
    assert value.judged_high is None


def test_timeouts_are_in_the_headline(reading: Read) -> None:
    """The headline holds hanging requests at their deadline; the success-only percentile beside it does not."""
    read = reading(failover=False, hang=True)
    assert read.value("response_p99_ms").value == pytest.approx(5000, abs=1)
    success = read.value("success_p99_ms").value
    assert success is not None
    assert success < 250


def test_distributions_are_never_mixed(reading: Read) -> None:
    """Good answers, rejections and errors each have their own; together they are all rows."""
    read = reading(rejected=30, lost=25)
    counts = [read.value(f"{stem}_p50_ms").n for stem in ("success", "rejection", "error")]
    assert counts[1:] == [30, 25]
    assert sum(counts) == read.value("response_p50_ms").n


def test_dispatch_delay_is_our_own(reading: Read) -> None:
    """What we sent late is in the response time, in the dispatch delay, and not in the service time."""
    read, usual = reading(dispatch_ms=5.0), reading()
    delay = read.value("dispatch_delay_p50_ms").value
    assert delay == pytest.approx(5.0, rel=0.05)
    for name, apart in (("response_p50_ms", 5.0), ("service_p50_ms", 0.0)):
        late, prompt = read.value(name).value, usual.value(name).value
        assert late is not None
        assert prompt is not None
        assert late - prompt == pytest.approx(apart, abs=1.0)


def test_routes_are_scopes_of_a_mix(reading: Read, healthy: Reading) -> None:
    """A mix of routes is measured by route as well; a single route is not repeated."""
    read = reading(routes=TWO_ROUTES)
    chat, talk = read.value("response_p95_ms", "fault", "chat"), read.value("response_p95_ms", "fault", "talk")
    assert chat.n + talk.n == read.value("response_p95_ms", "fault").n
    assert {value.route for value in healthy.summary.metrics} == {None}


def test_streams(reading: Read) -> None:
    """Time to first token counts from the due time, gaps are the longest of each stream; both only where there are streams."""
    read = reading(routes=TWO_ROUTES)
    rows = read.tables.load[(read.tables.load["route"] == "talk") & (read.tables.load["outcome"] == "ok")]
    ttft_ms = (rows["first_token_ns"] - rows["due_ns"]) / 1e6
    assert read.value("ttft_p95_ms").value == np.quantile(ttft_ms, 0.95, method="inverted_cdf")
    assert read.value("ttft_p95_ms").n == len(rows)
    assert read.value("gap_p50_ms").value == 2.5
    assert ("ttft_p95_ms", None, "chat") not in {
        (value.name, value.phase, value.route) for value in read.summary.metrics
    }


def test_same_series_is_not_computed_twice() -> None:
    """Where everything succeeds, the good answers are all answers, and their interval is known already."""
    from gatebench.analysis.metrics import latency

    series = np.random.default_rng(1).random(500)
    interval(series, 0.5, 0.95)
    assert latency.ordered(series.copy()) is latency.ordered(series)


def test_difference_and_ratio_hold_the_truth() -> None:
    """The interval of a difference or ratio of two percentiles is wide enough for both sides' doubt."""
    random = np.random.default_rng(2)
    held = [0, 0]
    for _ in range(40):
        usual, now = random.normal(100, 10, 600), random.normal(130, 10, 600)
        apart, times = difference(now, usual, 0.5, 0.95), ratio(now, usual, 0.5, 0.95)
        held[0] += apart.low <= 30 <= apart.high
        held[1] += times.low <= 1.3 <= times.high
    assert min(held) >= 37  # 95 % of 40 is 38; each side taking half of the error makes it cover more
