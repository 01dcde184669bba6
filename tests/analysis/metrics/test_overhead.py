"""Overhead: what the gateway adds is found to the microsecond, noise is called noise, and control rows leak nowhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gatebench.analysis.blocks import by_block
from gatebench.analysis.checks import judge_one
from gatebench.analysis.overhead import distinguishable
from gatebench.analysis.report.figures import by_phase
from gatebench.analysis.report.reading import read as read_for_report
from gatebench.run.summary import MetricValue
from gatebench.scenario import CheckUse
from gatebench.traffic import Route
from tests.analysis.conftest import Read, Reading

LANES = ("target", "direct", "null")
STEADY: dict[str, Any] = {
    "lanes": LANES,
    "rate_per_s": 150,
    "warmup_s": 1,
    "baseline_s": 30,
    "fault_s": 0,
    "recovery_s": 0,
}
STEADY |= {"checks": (CheckUse(metric="overhead_median_ms", phase="baseline", at_most=3.0),)}
ESTIMATES = ("median", "mean", "p95", "p99")


def within(value: MetricValue, true: float) -> bool:
    """Whether the interval that checks use holds the true value."""
    assert value.judged_low is not None and value.judged_high is not None
    return value.judged_low <= true <= value.judged_high


@pytest.mark.parametrize("estimate", ESTIMATES)
def test_five_milliseconds_are_found(reading: Read, estimate: str) -> None:
    """A gateway that adds 5 ms to each request, beside a provider that varies by tens of them, has 5 ms of overhead."""
    value = reading(**STEADY, gateway_ms=5.0).value(f"overhead_{estimate}_ms", "baseline")
    assert value.status == "known" and value.n > 1000
    assert within(value, 5.0)
    assert value.value == pytest.approx(5.0, abs=0.5)


def test_a_fiftieth_of_a_millisecond_is_found(reading: Read) -> None:
    """Pair by pair the provider's variation (sigma 9 ms) is gone: 1 500 pairs resolve far less than a millisecond."""
    value = reading(**STEADY, gateway_ms=0.5).value("overhead_median_ms", "baseline")
    assert value.low is not None and value.high is not None
    assert value.low < 0.5 < value.high and value.high - value.low < 0.05


@pytest.mark.parametrize("estimate", ESTIMATES)
def test_a_path_against_itself_adds_nothing(reading: Read, estimate: str) -> None:
    """Without a gateway both lanes are equal: the interval holds 0, and so does that of the floor."""
    run = reading(**STEADY)
    assert within(run.value(f"overhead_{estimate}_ms", "baseline"), 0.0)
    assert within(run.value(f"overhead_floor_{estimate}_ms", "baseline"), 0.0)
    line = next(line for line in run.summary.overhead if line.metric == f"overhead_{estimate}_ms")
    assert line.distinguishable is False
    assert line.metric in run.summary.warnings[-1] and "own noise" in run.summary.warnings[-1]


def test_what_shows_is_not_called_noise(reading: Read) -> None:
    """Five milliseconds stand far above the floor: no warning, and the headline says them."""
    run = reading(**STEADY, gateway_ms=5.0)
    assert [line.distinguishable for line in run.summary.overhead] == [True] * 4
    assert not [warning for warning in run.summary.warnings if "noise" in warning]
    assert "adds nothing beyond the noise" in reading(**STEADY).summary.headline


@pytest.mark.parametrize(("gateway_ms", "verdict"), [(0.0, "pass"), (5.0, "fail")])
def test_a_bound_on_the_overhead_is_judged(reading: Read, gateway_ms: float, verdict: str) -> None:
    """At most 3 ms holds without a gateway, and fails with one that takes 5; the pairs that cost most are the evidence."""
    check = reading(**STEADY, gateway_ms=gateway_ms).check("overhead_median_ms")
    assert check.verdict == verdict
    assert bool(check.evidence) == (verdict == "fail")


def test_pairs_with_a_bad_side_are_left_out_and_counted(reading: Read) -> None:
    """Four requests through the gateway that fail are four pairs less, and the report says so; the others stand."""
    run = reading(**STEADY, gateway_ms=5.0, lost=12, lost_phase="baseline")
    lost_at_target = int((~run.tables.load["complete"]).sum())
    assert lost_at_target > 0
    line = run.summary.overhead[0]
    assert 12 >= line.left_out >= lost_at_target
    assert line.pairs == reading(**STEADY, gateway_ms=5.0).summary.overhead[0].pairs - line.left_out
    assert line.value == pytest.approx(5.0, abs=0.2)


def test_answers_from_a_cache_are_left_out(reading: Read) -> None:
    """An answer for which no provider was asked carries an older one's service time; where no id passes, nobody can tell."""
    run = reading(**STEADY, gateway_ms=5.0)
    samples, attempts = run.tables.samples.copy(), run.tables.attempts
    target = samples.index[samples["lane"] == "target"]
    cached = target[::10]
    samples.loc[cached, "attempts"] = 0
    samples.loc[cached, "service_ns"] = 10_000_000_000
    blocks = by_block(samples, attempts, 3)
    assert blocks["whole", "target"].isna().sum() == len(cached)
    assert blocks["whole", "target"].min() > 0
    samples.loc[target, "attempts"] = 0
    assert by_block(samples, attempts, 3)["whole", "target"].notna().sum() == len(target)


def test_too_few_pairs_are_unknown(reading: Read) -> None:
    """A handful of pairs carries no number: unknown with the reason, never 0."""
    run = reading(**{**STEADY, "rate_per_s": 3})
    value = run.value("overhead_median_ms", "baseline")
    assert (value.status, value.value) == ("unknown", None)
    assert "needs 50 pairs" in value.why
    assert run.summary.overhead[0].distinguishable is None


def test_without_a_null_lane_the_floor_is_unknown(reading: Read) -> None:
    """Two lanes show an overhead, and say that nobody knows the noise."""
    run = reading(**{**STEADY, "lanes": LANES[:2]}, gateway_ms=5.0)
    assert run.value("overhead_median_ms").value == pytest.approx(5.0, abs=0.2)
    assert "no null lane" in run.value("overhead_floor_median_ms").why
    assert run.summary.overhead[0].distinguishable is None


def test_the_first_token_has_an_overhead_of_its_own(reading: Read) -> None:
    """Streams have lines of their own; a run without streams has none."""
    stream = Route(name="chat-stream", tenants=2, prompt_words=4, stream=True)
    run = reading(**STEADY, gateway_ms=5.0, routes=(stream,))
    titles = [line.metric for line in run.summary.overhead]
    assert "ttft_overhead_median_ms" in titles and "ttft_overhead_mean_ms" in titles
    # The simulated client gets its first token halfway through the answer, the provider writes it 1 ms before its end:
    # done - sent = 0.8 + path + 5 + service, so the difference of the halves is half of the 5 ms.
    assert run.value("ttft_overhead_mean_ms", "baseline").value == pytest.approx(2.5, abs=0.2)
    assert not any("ttft" in line.metric for line in reading(**STEADY).summary.overhead)


def test_an_ordinary_run_has_no_overhead(healthy: Reading) -> None:
    """One lane, nothing to compare: no metric, no line, no warning."""
    assert not [value.name for value in healthy.summary.metrics if "overhead" in value.name]
    assert healthy.summary.overhead == []
    use = CheckUse(metric="overhead_median_ms", at_most=1.0)
    assert judge_one(use, healthy.tables, healthy.summary.metrics).verdict == "unknown"


@pytest.mark.parametrize(
    ("low", "high", "floor", "told"),
    [
        (1.0, 1.2, (-0.1, 0.1), True),
        (0.05, 0.2, (-0.1, 0.1), False),  # part of it lies within what the floor reaches
        (-0.02, 0.02, (-0.1, 0.1), False),
        (0.2, 0.3, (-0.25, 0.01), False),  # the floor reaches 0.25 to one side, so it might to the other
        (-0.5, -0.3, (-0.1, 0.1), True),  # faster than past the gateway: a cache, say
        (None, 1.2, (-0.1, 0.1), None),
    ],
)
def test_distinguishable(low: float | None, high: float, floor: tuple[float, float], told: bool | None) -> None:
    """A figure shows when its whole interval lies beyond the further end of the floor's."""
    value = MetricValue(name="a", title="a", unit="ms", better="lower", status="known", value=1, low=low, high=high)
    noise = value.model_copy(update={"low": floor[0], "high": floor[1]})
    assert distinguishable(value, noise) is told
    assert distinguishable(value, None) is None


class TestNothingLeaks:
    """Requests past the gateway, however bad, change no figure of the target."""

    FAULT: dict[str, Any] = {"lanes": LANES, "rate_per_s": 300, "gateway_ms": 1.0}  # noqa: RUF012 - never changed

    @pytest.fixture
    def good(self, reading: Read) -> Reading:
        """A run with a fault whose control lanes work as they should."""
        return reading(**self.FAULT)

    @pytest.fixture
    def awful(self, reading: Read) -> Reading:
        """The same run, but whatever goes past the gateway is asked three times and fails after four seconds."""
        return reading(**self.FAULT, awful_controls=True)

    def test_the_controls_really_are_awful(self, awful: Reading) -> None:
        """The knob does what it says, or the tests below prove nothing."""
        controls = awful.tables.samples[awful.tables.samples["lane"] != "target"]
        assert len(controls) == pytest.approx(len(awful.tables.samples) * 2 / 3, abs=3)
        assert set(controls["outcome"]) == {"error"} and controls["response_ms"].min() > 4000
        assert awful.summary.overhead[0].value is None

    def test_every_metric_is_the_same(self, good: Reading, awful: Reading) -> None:
        """Latency, shares, failover, recovery, duplicates, amplification, arrivals at the faulty provider: all of them."""

        def others(run: Reading) -> list[MetricValue]:
            return [value for value in run.summary.metrics if "overhead" not in value.name]

        assert others(good) == others(awful)
        assert len({value.name for value in others(good)}) > 40
        assert good.value("availability", "fault").n == pytest.approx(500, abs=60)  # a third of 300/s for five seconds

    def test_served_checks_and_figures_are_the_same(self, good: Reading, awful: Reading) -> None:
        """Who served, what the checks say, and the table of the report."""
        assert good.summary.served == awful.summary.served
        plain = [[check.model_copy(update={"evidence": []}) for check in run.checks] for run in (good, awful)]
        assert plain[0] == plain[1]  # evidence names attempts, whose ordinals count those of every lane
        tables = [by_phase(read_for_report(run.folder), run.summary) for run in (good, awful)]
        assert tables[0] == tables[1]

    def test_the_books_hold_every_lane(self, good: Reading, awful: Reading) -> None:
        """The ledger still accounts for every arrival of the schedule, whichever lane it took."""
        assert good.ledger.scheduled == awful.ledger.scheduled == len(good.tables.samples)
        assert good.ledger.balances and awful.ledger.balances
        assert awful.ledger.error >= len(awful.tables.samples) * 2 // 3 - 3

    def test_a_target_that_never_asks_upstream_is_still_seen(self, good: Reading) -> None:
        """The controls' attempts do not make a gateway look as if it had asked a provider."""
        tables = good.tables
        samples = tables.samples.assign(provider=tables.samples["provider"].where(tables.samples["lane"] != "target"))
        attempts = tables.attempts
        assert attempts is not None and not tables.bypassed
        of_control = np.append((tables.samples["lane"] != "target").to_numpy(), False)[attempts["sample"].to_numpy()]
        assert replace(tables, samples=samples, attempts=attempts[of_control]).bypassed
