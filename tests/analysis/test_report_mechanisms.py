"""The timelines of breakers, limiters and caches: they show what was played, and stand only where there is something to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gatebench.analysis.breakers import Watched, watched
from gatebench.analysis.report.charts import breaker, cache, limiter
from gatebench.analysis.report.charts.chart import Chart, Data, NoChart
from gatebench.analysis.tables import RunTables
from gatebench.oracles.limiter.limit import Limit
from gatebench.scenario import CheckUse
from tests.analysis.broken import tables_of
from tests.analysis.conftest import Reading
from tests.analysis.test_report_charts import plain
from tests.cached import cached_run
from tests.limited import Limited, at_random, honest, limited_run
from tests.planned import S

BUCKET = Limit("token-bucket", 10, S, 20)


def only(made: Sequence[Chart | NoChart]) -> Chart:
    """Return the one chart that was made."""
    (chart,) = made
    assert isinstance(chart, Chart)
    return chart


def table(chart: Chart, name: str) -> pd.DataFrame:
    """Return one table of a chart, its words decoded."""
    found: Data = next(data for data in chart.data if data.name == name)
    return plain(found)


def asking(tables: RunTables, metric: str) -> RunTables:
    """Return the tables of the same run, of which a check asks for that metric."""
    plan = tables.plan.model_copy(update={"checks": (CheckUse(metric=metric, at_most=1),)})
    record = tables.record.model_copy(update={"plan": plan})
    return replace(tables, record=record)


def test_breaker_is_drawn_as_it_was_played() -> None:
    """Closed until it opens, open for the declared two seconds each time, half-open for a probe, closed after the fault."""
    tables = tables_of()
    chart = only(list(breaker.build(tables)))
    states = table(chart, "breaker-provider-a-states")
    assert states["state"].tolist()[:3] == ["closed", "open", "half-open"]
    assert states["state"].iloc[-1] == "closed"
    assert np.array_equal(states["from_s"][1:], states["to_s"][:-1])
    assert (states["from_s"].iloc[0], states["to_s"].iloc[-1]) == (8.0, 30.0)
    lengths = (states["to_s"] - states["from_s"])[states["state"] == "open"]
    assert lengths.tolist() == pytest.approx([2.0] * len(lengths), abs=0.15)
    moments = table(chart, "breaker-provider-a-moments")["what"].tolist()
    assert moments[0] == "opened"
    assert moments[-2:] == ["probe answered", "closed"]
    assert set(moments[1:-2]) == {"probe failed"}
    attempts = tables.attempts
    assert attempts is not None
    assert table(chart, "breaker-provider-a-attempts")["attempts"].sum() == len(attempts)
    assert table(chart, "breaker-provider-a-requests")["requests"].sum() == len(tables.samples)
    assert "opened at 8." in chart.label


def test_leaks_are_marked() -> None:
    """What slips through an open breaker is a moment of its own, and does not end the open stretch."""
    chart = only(list(breaker.build(tables_of(leak=0.03))))
    assert "leaked" in table(chart, "breaker-provider-a-moments")["what"].tolist()
    lengths = table(chart, "breaker-provider-a-states").query("state == 'open'")
    assert (lengths["to_s"] - lengths["from_s"]).max() > 1.8


def test_states_of_several_outages_follow_one_another() -> None:
    """Two outages of one provider make one strip, in order of time."""
    tables = tables_of()
    seen = watched(tables, tables.outages[0])
    assert isinstance(seen, Watched)
    twice = breaker.states([seen, seen])
    assert twice[: len(twice) // 2] == breaker.states([seen])


@pytest.mark.parametrize("knobs", [{"opens": False}, {"visible": False}, {"declared": False}], ids=str)
def test_no_breaker_no_timeline(knobs: dict[str, Any]) -> None:
    """A breaker that never opens, is hidden, or that nobody declares has none, unless a check asks; then it says why not."""
    tables = tables_of(**knobs)
    assert list(breaker.build(tables)) == []
    made = list(breaker.build(asking(tables, "time_to_open_s")))
    assert len(made) == 1
    if "visible" in knobs:
        assert isinstance(made[0], NoChart)
        assert "before a provider sees them" in made[0].why


def test_limiter_is_beside_its_model(tmp_path: Path) -> None:
    """Bars hold every request that was sent, by tenant; an honest limiter admits what the model admits, to a few requests."""
    run = Limited(limited_run(tmp_path, honest(BUCKET), probed=True))
    chart = only(limiter.build(run.tables))
    given, model = table(chart, "limiter"), table(chart, "limiter-model")
    assert given["requests"].sum() == sum(len(key.rows) for key in run.tables.keys.values())
    assert set(given["tenant"]) == {*(f"tenant-{n}" for n in range(5)), "tenant-5 (reactive probe)"}
    admitted = given[given["given"] == "admitted"].groupby("tenant")["requests"].sum()
    assert admitted.to_dict() == pytest.approx(model.groupby("tenant")["requests"].sum().to_dict(), abs=3)
    flooding = given[given["tenant"] == "tenant-0"].groupby("given")["requests"].sum()
    assert flooding["refused"] > flooding["admitted"] > 300
    assert "token-bucket of 10 requests in 1 s, burst 20" in chart.caption


def test_false_refusals_lie_below_the_model(tmp_path: Path) -> None:
    """A limiter that refuses a third of what it should admit stays below the line by as much."""
    run = Limited(limited_run(tmp_path, at_random(0.3, honest(BUCKET))))
    chart = only(limiter.build(run.tables))
    quiet = "tenant-1"
    given, model = table(chart, "limiter"), table(chart, "limiter-model")
    admitted = given[(given["tenant"] == quiet) & (given["given"] == "admitted")]["requests"].sum()
    assert admitted < 0.85 * model[model["tenant"] == quiet]["requests"].sum()


def test_many_tenants_are_summed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more tenants than fit, those that ask most have a row each, and the others one together."""
    monkeypatch.setattr(limiter, "TENANTS_MOST", 2)
    run = Limited(limited_run(tmp_path, honest(BUCKET)))
    chart = only(limiter.build(run.tables))
    assert chart.facts["tenants"][0] == "tenant-0"
    assert chart.facts["tenants"][2] == "3 others"
    assert table(chart, "limiter")["requests"].sum() == len(run.tables.samples)


def test_no_limiter_no_timeline(healthy: Reading) -> None:
    """Where nothing is limited there is no timeline; a check that asks for one is told why."""
    assert limiter.build(healthy.tables) == []
    (said,) = limiter.build(asking(healthy.tables, "false_rejects"))
    assert isinstance(said, NoChart)


def test_cache_is_drawn_by_the_truth(tmp_path: Path) -> None:
    """Shares of each bin make one; hits are those that the ledger tells, and honest headers claim as many."""
    tables = cached_run(tmp_path)
    chart = only(cache.build(tables))
    made, claims = table(chart, "cache"), table(chart, "cache-claims")
    assert made.groupby("from_s")["share"].sum().to_numpy() == pytest.approx(1.0, abs=1e-3)
    rows = made.groupby("made")["requests"].sum().to_dict()
    truth = tables.served["truth"].value_counts().to_dict()
    assert (rows["from the cache"], rows["coalesced"], rows["from a provider"]) == (truth[3], truth[2], truth[1])
    assert claims["claimed"].sum() == rows["from the cache"]
    assert claims["requests"].sum() == len(tables.samples)


def test_lying_headers_leave_the_hits(tmp_path: Path) -> None:
    """Headers that always say hit claim everything, whatever the truth is."""
    chart = only(cache.build(cached_run(tmp_path, claim="hit", on=False)))
    assert (table(chart, "cache-claims")["share"] == 1).all()
    assert "from the cache" not in set(table(chart, "cache")["made"])
    assert "headers claim 100" in chart.label


def test_silent_headers_have_no_line(tmp_path: Path) -> None:
    """A gateway that says nothing of its cache is judged all the same, without a line."""
    chart = only(cache.build(cached_run(tmp_path, claim="")))
    assert [data.name for data in chart.data] == ["cache"]
    assert chart.facts["line"] == ""


def test_no_cache_no_timeline(healthy: Reading, tmp_path: Path) -> None:
    """Without a cache that is declared to be on there is none."""
    assert cache.build(healthy.tables) == []
    assert cache.build(cached_run(tmp_path, declared={"kind": "off"}, on=False)) == []
