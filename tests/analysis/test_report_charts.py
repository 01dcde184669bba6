"""The data behind the charts: every request is in it, percentiles are exact, and nothing is averaged or dropped."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gatebench.analysis.report.charts import closeup, harness, latency, outcomes, percentiles, providers
from gatebench.analysis.report.charts.bins import Bins, nice_width_s, rates, spread
from gatebench.analysis.report.charts.chart import Chart, Coded, Data, NoChart, coded, column
from gatebench.analysis.report.charts.states import states
from tests.analysis.conftest import Read, Reading


def plain(data: Data) -> pd.DataFrame:
    """Return a chart's table with its words decoded."""
    columns: dict[str, list[Any]] = {}
    for name, values in data.columns.items():
        coded_words = isinstance(values, dict)
        columns[name] = [values["words"][code] for code in values["codes"]] if coded_words else list(values)  # type: ignore[call-overload]  # a dict has words
    return pd.DataFrame(columns)


def chart(made: Chart | NoChart) -> Chart:
    """Return a chart that must have been made."""
    assert isinstance(made, Chart)
    return made


@pytest.mark.parametrize(
    ("length_s", "most", "least_s", "width_s"),
    [
        (33.0, 240, 0.25, 0.25),  # 132 bins
        (100.0, 240, 0.25, 0.5),  # 400 bins of 250 ms would be too many
        (3600.0, 240, 0.25, 15.0),  # 360 of 10 s would be
        (0.3, 240, 0.25, 0.25),
        (1e6, 240, 0.25, 1e6 / 240),  # beyond the round widths
    ],
)
def test_nice_width(length_s: float, most: int, least_s: float, width_s: float) -> None:
    """Bins have the smallest round width that keeps them few enough."""
    assert nice_width_s(length_s, most, least_s) == width_s


def test_spread_is_exact() -> None:
    """Each bin holds the smallest, the nearest-rank percentiles and the largest of its own rows, whatever their order."""
    random = np.random.default_rng(3)
    at_s, values = random.uniform(0, 10, 1500), random.lognormal(3, 1, 1500)
    found = pd.DataFrame(spread(Bins(2.5, 10.0), at_s, values, "ms"))
    assert found["requests"].sum() == 1500
    for number, row in found.iterrows():
        own = np.sort(values[(at_s >= row["from_s"]) & (at_s < row["to_s"])])
        assert row["requests"] == len(own), number
        assert (row["min_ms"], row["max_ms"]) == (round(own[0], 3), round(own[-1], 3))
        for name, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)):
            assert row[name] == round(own[int(np.ceil(share * len(own) - 1e-9)) - 1], 3)


def test_few_rows_have_no_high_percentile() -> None:
    """A p95 of fewer than 20 rows and a p99 of fewer than 100 would only repeat the largest: there is none."""
    found = spread(Bins(1.0, 3.0), np.array([0.5] * 19 + [1.5] * 20 + [2.5] * 100), np.arange(139.0), "ms")
    assert found["p95_ms"] == [None, 37.0, 133.0]
    assert found["p99_ms"] == [None, None, 137.0]


def test_bins_hold_what_lies_at_their_ends() -> None:
    """Times before the first and after the last bin are kept in them; the last bin's rate uses the length it has."""
    who = Coded(["a", "b"], np.array([0, 0, 1, 0]))
    found = rates(Bins(1.0, 2.5), np.array([-0.1, 0.5, 2.4, 2.6]), who, by="who", counted="rows")
    assert found["rows"] == [2, 1, 1]
    assert found["who"] == {"words": ["a", "b"], "codes": [0, 0, 1]}
    assert found["per_s"] == [2.0, 2.0, 2.0]


def test_codes_keep_unknown_words() -> None:
    """A word that nobody announced is coded too, after the known ones."""
    found = coded(pd.Series(["b", "ghost", "a", "b"]), ["a", "b"])
    assert found.words == ["a", "b", "ghost"]
    assert found.codes.tolist() == [1, 2, 0, 1]


def test_any_column_can_be_drawn() -> None:
    """Numbers stay numbers, what is no finite number becomes none, truth values and missing words become words."""
    assert column(pd.Series([1.5, float("nan"), float("inf")])) == [1.5, None, None]
    assert column(pd.Series([True, False])) == {"words": ["True", "False"], "codes": [0, 1]}
    assert column(pd.Series(["x", None])) == {"words": ["x", "nobody"], "codes": [0, 1]}


def test_every_request_is_a_dot(healthy: Reading) -> None:
    """A run with few requests shows each one, at its due time with its response time."""
    drawn = chart(latency.build(healthy.tables))
    dots = plain(drawn.data[1])
    rows = healthy.tables.samples
    assert len(dots) == len(rows)
    assert np.allclose(dots["response_ms"], rows["response_ms"], atol=0.006)
    assert plain(drawn.data[0])["requests"].sum() == len(rows)


def test_many_requests_become_bands(healthy: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run with many requests shows exact figures of each bin, counts every request, and says that it does so."""
    monkeypatch.setattr(latency, "DOTS_MOST", 100)
    drawn = chart(latency.build(healthy.tables))
    assert [data.name for data in drawn.data] == ["response-time-bins"]
    assert plain(drawn.data[0])["requests"].sum() == len(healthy.tables.samples)
    assert "too many for dots" in drawn.caption


def test_outcomes_are_told_apart(reading: Read) -> None:
    """Late, rejected, failed and unsent requests are counted under their own names, and all of them are there."""
    run = reading(lost=5, rejected=3, unsent_pool=4, unsent_generator=2, objective_ms=100)
    drawn = plain(chart(outcomes.build(run.tables)).data[0])
    totals = drawn.groupby("state")["requests"].sum().to_dict()
    rows = run.tables.samples
    assert sum(totals.values()) == len(rows)
    assert (totals["error"], totals["rejected"], totals["unsent"]) == (5, 3, 6)
    assert totals["good"] == int(rows["good"].sum())
    assert totals["late"] == int(((rows["outcome"] == "ok") & ~rows["good"]).sum()) > 0


def test_state_of_a_late_answer_is_not_good() -> None:
    """An ok answer beyond the objective is late; other outcomes keep their names, in words."""
    rows = pd.DataFrame({"outcome": ["ok", "ok", "in_flight"], "good": [True, False, False]})
    assert states(rows).tolist() == ["good", "late", "in flight"]


def test_who_served_agrees_with_the_summary(reading: Read) -> None:
    """The stack of providers holds the answers that the samples name, and nobody for the rest."""
    run = reading(lost=5)
    drawn = plain(chart(providers.served(run.tables)).data[0])
    rows = run.tables.samples
    totals = drawn.groupby("provider")["requests"].sum().to_dict()
    assert totals == Counter(rows["provider"].astype(object).where(rows["complete"], "nobody"))
    assert totals["nobody"] == 5


def test_arrivals_are_the_ledger_without_canaries(healthy: Reading) -> None:
    """Every attempt at a provider is counted once, canaries not."""
    drawn = plain(chart(providers.arrivals(healthy.tables)).data[0])
    attempts = healthy.tables.attempts
    assert attempts is not None
    assert drawn["attempts"].sum() == (attempts["kind"] != "canary").sum()
    beside = plain(chart(providers.arrivals(healthy.tables)).data[1])
    assert beside["requests"].sum() == int((healthy.tables.samples["sent_ns"] >= 0).sum())


def test_without_ledger_nobody_counts(reading: Read) -> None:
    """Where no provider is ours, the charts of providers say why there are none."""
    run = reading(evidence="no-ledger", provider_streams=())
    assert isinstance(providers.served(run.tables), NoChart)
    assert isinstance(providers.arrivals(run.tables), NoChart)


def test_percentiles_are_those_of_the_metrics(healthy: Reading) -> None:
    """The line of a phase passes through its p50 and p99, and says how many requests lie beyond each point."""
    drawn = plain(chart(percentiles.build(healthy.tables)).data[0])
    fault = drawn[drawn["phase"] == "fault"]
    ordered = np.sort(healthy.tables.phase_rows("fault")["response_ms"])
    for _, point in fault.iterrows():
        rank = int(np.ceil(point["share"] * len(ordered) - 1e-4))
        assert point["response_ms"] == round(ordered[rank - 1], 3)
        assert point["requests_beyond"] == len(ordered) - rank
    p99 = healthy.value("response_p99_ms", "fault").value
    assert p99 is not None
    assert fault[fault["share"].round(6) == 0.99]["response_ms"].tolist() == [round(p99, 3)]


def test_closeup_is_around_the_acknowledgement(healthy: Reading) -> None:
    """Times count from the engine's acknowledgement; requests carry who answered and how many attempts they took."""
    drawn = next(closeup.build(healthy.tables))
    t0_s = healthy.summary.faults[0].acknowledged_s
    assert t0_s is not None
    rows = plain(drawn.data[0])
    due_s = healthy.tables.samples["due_s"]
    assert len(rows) == int(((due_s - t0_s).abs() <= 2).sum())
    assert set(rows[rows["since_s"] > 0]["provider"]) == {"provider-b"}
    assert rows[rows["since_s"] > 0]["attempts"].max() == 2
    beginning = drawn.facts["edges"]["beginning"]
    assert [mark["what"] for mark in beginning["marks"]] == ["requested", "on", "proven"]
    assert set(plain(drawn.data[1])["end"]) == {"completed", "dropped"}


def test_closeup_is_around_the_end_too(reading: Read) -> None:
    """The other edge has requests and attempts of its own; a fault that was never cleared has but one."""
    run = reading(lost=5)
    drawn = next(closeup.build(run.tables))
    t1_s = run.summary.faults[0].cleared_s
    assert t1_s is not None
    end = drawn.facts["edges"]["end"]
    assert end["t0_s"] == round(t1_s, 4)
    rows = plain(drawn.data[end["requests"]])
    assert len(rows) == int(((run.tables.samples["due_s"] - t1_s).abs() <= 2).sum())
    assert drawn.switches["around its"] == ("beginning", "end")
    assert "5 were lost" in drawn.label
    stopped = next(closeup.build(reading(stopped_at_s=7.0).tables))
    assert list(stopped.facts["edges"]) == ["beginning"]
    assert "around its" not in stopped.switches


def test_crowded_closeup_looks_closer(healthy: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are too many requests the window gets shorter, so that each one is still drawn, and it says so."""
    monkeypatch.setattr(closeup, "DOTS_MOST", 300)
    drawn = next(closeup.build(healthy.tables))
    assert all(drawn.data[edge["requests"]].rows <= 300 for edge in drawn.facts["edges"].values())
    assert drawn.facts["edges"]["beginning"]["reach_s"] == 0.5
    assert "within 500\u202fms" in drawn.caption


def test_no_closeup_of_a_fault_that_never_was(reading: Read) -> None:
    """A fault that the engine never acknowledged has no moment to look at."""
    assert list(closeup.build(reading(apply=False).tables)) == []


def test_dispatch_delay_is_our_own(healthy: Reading) -> None:
    """The chart shows sent − due of every request, and the limit that it is judged by."""
    drawn = chart(harness.dispatch(healthy.tables))
    assert plain(drawn.data[0])["requests"].sum() == len(healthy.tables.samples)
    assert drawn.facts["limit_ms"] == healthy.tables.plan.load.dispatch_limit_ms


def test_processors_in_use(healthy: Reading) -> None:
    """Processor seconds between two readings become processors in use; a process that began anew makes no negative."""
    series = pd.DataFrame(
        {
            "at_s": [0.0, 1.0, 3.0, 0.0, 1.0, 2.0],
            "process": ["gateway"] * 3 + ["load-0"] * 3,
            "metric": ["cpu_s"] * 6,
            "value": [1.0, 1.5, 3.5, 9.0, 0.2, 0.4],
        }
    )
    drawn = plain(chart(harness.processes(healthy.tables, series)).data[0])
    assert drawn["cores"].tolist() == [0.5, 1.0, 0.2]
    assert isinstance(harness.processes(healthy.tables, None), NoChart)
    assert isinstance(harness.processes(healthy.tables, series.iloc[:1]), NoChart)
