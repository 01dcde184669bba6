"""The registry: metrics register themselves, say what they mean, and one that breaks does not break the others."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from gatebench.analysis import metrics as package
from gatebench.analysis.metrics import known_metrics, measure, metrics
from gatebench.analysis.metrics.registry import (
    Measured,
    OutageMetric,
    RowsMetric,
    Scope,
    censored,
    known,
    metric,
    register,
    unknown,
    worst,
)
from gatebench.stats import Interval
from tests.analysis.conftest import Reading


def test_names_that_scenarios_use() -> None:
    """The metrics that shipped scenarios check are there."""
    assert {
        "availability",
        "duplicate_execution",
        "error_share",
        "failover_time_s",
        "requests_lost",
        "response_p50_ms",
        "response_p95_ms",
        "response_p99_ms",
        "silent_truncation",
        "time_to_recover_s",
        "wrong_answer",
    } <= set(known_metrics())


def test_every_metric_is_defined() -> None:
    """Every metric has a unit, a title and a definition that ends as a sentence does."""
    for name, entry in metrics().items():
        assert entry.name == name
        assert entry.unit
        assert entry.title
        assert entry.definition.endswith("."), name


def test_names_carry_their_unit() -> None:
    """A name that ends in _ms or _s is measured in that."""
    for name, entry in metrics().items():
        for ending, unit in (("_ms", "ms"), ("_per_s", "1/s"), ("_share", "share")):
            if name.endswith(ending):
                assert entry.unit == unit, name
        if name.endswith("_s") and not name.endswith("_per_s"):
            assert entry.unit == "s", name


def test_two_metrics_of_one_name() -> None:
    """A name is taken once."""
    with pytest.raises(ValueError, match='two metrics are called "availability"'):
        register(metrics()["availability"])


def test_decorator_takes_name_and_definition_from_the_function() -> None:
    """A metric is one decorated function: its name and its docstring are all it needs."""
    from gatebench.analysis.metrics import registry

    @metric(unit="rows", better="higher", title="Rows")
    def rows_of_scope(scope: Scope) -> Measured:
        """Rows in scope."""
        return known(len(scope.rows), len(scope.rows))

    entry = registry._REGISTERED.pop("rows_of_scope")
    assert isinstance(entry, RowsMetric)
    assert (entry.function, entry.definition, entry.judged) == (rows_of_scope, "Rows in scope.", "interval")


def test_metric_that_raises_is_unknown(healthy: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken metric is unknown, says so, and leaves the others alone."""

    def broken(scope: Scope) -> Measured:
        raise ZeroDivisionError("no rows")

    entry = RowsMetric(name="broken", title="Broken", unit="s", better="lower", definition="Breaks.", function=broken)
    both = {"broken": entry, "availability": metrics()["availability"]}
    monkeypatch.setattr(package, "metrics", lambda: both)
    found = {value.name: value for value in measure(healthy.tables) if value.phase is None}
    assert found["broken"].status == "unknown"
    assert "ZeroDivisionError: no rows" in found["broken"].why
    assert found["availability"].status == "known"


def test_scopes(healthy: Reading) -> None:
    """A metric of rows is measured for the run, each phase and the transitions; one of an outage for the run."""
    phases = [value.phase for value in healthy.summary.metrics if value.name == "availability"]
    assert phases == [None, "baseline", "fault", "recovery", "transition"]
    assert [value.phase for value in healthy.summary.metrics if value.name == "failover_time_s"] == [None]


def test_quiet_metrics_are_silent_where_nothing_happened(healthy: Reading) -> None:
    """A phase without rejections has no latency of rejections; the run says once that it is unknown."""
    found = [value for value in healthy.summary.metrics if value.name == "rejection_p99_ms"]
    assert [(value.phase, value.status, value.value) for value in found] == [(None, "unknown", None)]


def test_worst_speaks_for_several_outages() -> None:
    """An unknown outage makes the whole unknown, a censored one censored; else the worst counts."""
    fine, slow, never, blind = known(0.1, 9), known(2.0, 9), censored(5.0, "not reached"), unknown("no ledger")
    assert worst([fine, slow], "lower") is slow
    assert worst([fine, slow], "higher") is fine
    assert worst([fine, never, slow], "lower") is never
    assert worst([never, blind], "lower") is blind


def test_judged_interval_defaults_to_the_shown() -> None:
    """A moment's resolution serves both to be shown and to be judged."""
    assert known(1.0, 5, shown=Interval(0.9, 1.0)).judged == Interval(0.9, 1.0)


def test_names_cost_no_pandas() -> None:
    """Whoever plans a run needs the names of the metrics and must not load pandas for them."""
    script = "import sys; from gatebench.analysis.metrics import known_metrics; known_metrics(); sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_outage_metrics_are_left_out_of_runs_without_faults(healthy: Reading) -> None:
    """A plan without faults has no failover to be unknown."""
    names = {entry.name for entry in metrics().values() if isinstance(entry, OutageMetric)}
    plan = healthy.tables.plan.model_copy(update={"faults": ()})
    tables = replace(
        healthy.tables, record=healthy.tables.record.model_copy(update={"plan": plan}), outages=(), faults=()
    )
    assert not names & {value.name for value in measure(tables)}
