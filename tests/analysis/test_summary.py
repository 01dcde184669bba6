"""The summary: one reading of a run, whatever became of it, with one verdict and one sentence."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # ships no types
import pytest

from gatebench.analysis.summary import engine_name, judge_run, schema_json, served, summarise, target_name
from gatebench.run.summary import CheckResult, CheckVerdict, Finding, Summary, Verdict
from gatebench.scenario import CheckUse
from tests.analysis.conftest import Read, Reading
from tests.factory import make_run

TINY = {"rate_per_s": 50, "warmup_s": 0.5, "baseline_s": 2.0, "fault_s": 2.0, "recovery_s": 2.0}


def findings(*statuses: str) -> list[Finding]:
    """Return findings with these statuses."""
    return [Finding.model_validate({"name": "x", "status": status, "sentence": "x."}) for status in statuses]


def results(*verdicts: CheckVerdict) -> list[CheckResult]:
    """Return check results with these verdicts."""
    return [
        CheckResult(sentence="x", metric="x", bound=0, direction="at_most", estimate="point", unit="", verdict=verdict)
        for verdict in verdicts
    ]


@pytest.mark.parametrize(
    ("validity", "checks", "verdict"),
    [
        (["ok"], ["pass", "pass"], "pass"),
        (["ok"], ["pass", "n/a"], "pass"),
        (["unknown"], ["pass"], "pass"),  # a question that cannot be answered is not an answer against us
        (["invalid"], ["pass"], "invalid"),
        (["invalid"], ["fail"], "invalid"),  # a sick measurement shows nothing, not even a failure
        (["ok"], ["fail", "unknown", "pass"], "fail"),
        (["ok"], ["unknown", "pass"], "inconclusive"),
        (["ok"], ["n/a", "n/a"], "inconclusive"),
        (["ok"], [], "inconclusive"),
    ],
)
def test_verdict_takes_the_first_that_applies(
    validity: list[str], checks: list[CheckVerdict], verdict: Verdict
) -> None:
    """Invalid comes before fail, fail before inconclusive, inconclusive before pass."""
    assert judge_run(findings(*validity), results(*checks)) == verdict


def test_summary_is_written(healthy: Reading) -> None:
    """What is returned stands in summary.json, valid by the published schema and with its version."""
    text = (healthy.folder.path / "summary.json").read_text()
    assert Summary.model_validate_json(text) == healthy.summary
    jsonschema.validate(json.loads(text), json.loads(schema_json()))
    assert json.loads(text)["schema"] == "gatebench.summary/1"


def test_schema_refuses_what_is_no_summary() -> None:
    """Counterpart: the schema is one that can say no."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"schema": "gatebench.summary/1"}, json.loads(schema_json()))


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    """Nothing in a summary depends on chance or on when it was made."""
    folder = make_run(tmp_path, **TINY)
    summarise(folder)
    first = (folder.path / "summary.json").read_bytes()
    summarise(folder)
    assert (folder.path / "summary.json").read_bytes() == first


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({}, "reference survived: failover took 678 µs, nothing lost, recovered at once"),
        ({"fault_s": 0.0, "checks": ()}, "reference: there is no check"),
        ({"lost": 3}, "reference failed 1 of 5 checks: requests_lost is 3 (at most 0)"),
        (
            {"failover": False},
            "failed 3 of 5 checks: availability in fault is 0 (at least 0.99); failover_time_s is above 5",
        ),
        ({"split": 0.5}, "1 of 5 checks cannot be told, first: failover time is at most 1 s"),
        ({"apply": False}, "this measurement cannot be trusted"),
        ({"not_applicable": "reference has no failover"}, "no check applies here. reference has no failover"),
    ],
)
def test_headline(reading: Read, knobs: dict[str, object], words: str) -> None:
    """One sentence says what the run showed: facts, with their numbers."""
    assert words in reading(**knobs).summary.headline


def test_headline_without_a_fault(reading: Read) -> None:
    """A run without a fault passed with its latency; it survived nothing."""
    checks = (CheckUse(metric="error_share", phase="baseline", at_most=0.0, estimate="point"),)
    headline = reading(fault_s=0.0, checks=checks).summary.headline
    assert headline.startswith("reference passed: nothing lost, p99 ")


def test_faults_and_phases(healthy: Reading) -> None:
    """Planned and effective windows and the six times of the fault stand in seconds of the load."""
    fault, *others = healthy.summary.faults
    assert others == []
    assert (fault.acknowledged_s, fault.cleared_s) == (4.503, 9.504)
    assert (fault.bit, fault.gone, fault.layer, fault.effect) == (True, True, "provider", "yes/no")
    assert healthy.tables.attempts is not None
    assert fault.hits == int((healthy.tables.attempts["fault"] == "f1").sum())
    phase = next(phase for phase in healthy.summary.phases if phase.name == "fault")
    assert (phase.planned_start_s, phase.start_s, phase.planned_end_s, phase.end_s) == (4.5, 4.503, 9.5, 9.504)


def test_served(reading: Read, healthy: Reading) -> None:
    """Who answered, by phase: the first provider before, the second during, the first after; and nobody for the rest."""
    counts = healthy.summary.served
    assert counts["baseline"]["provider-b"] == counts["baseline"]["nobody"] == 0
    assert counts["fault"]["provider-a"] == 0
    assert counts["recovery"]["provider-a"] > counts["recovery"]["provider-b"]
    for phase, providers in counts.items():
        assert sum(providers.values()) == len(healthy.tables.phase_rows(phase))
    assert reading(failover=False).summary.served["fault"] == {
        "provider-a": 0,
        "provider-b": 0,
        "nobody": len(reading(failover=False).tables.phase_rows("fault")),
    }


def test_unstamped_answers_are_told_apart(healthy: Reading) -> None:
    """An answer that nobody stamped was served, by we do not know whom."""
    samples = healthy.tables.samples.copy()
    samples.loc[samples["label"] == "baseline", "provider"] = None
    baseline = served(replace(healthy.tables, samples=samples))["baseline"]
    assert baseline["unstamped"] > 0
    assert baseline["nobody"] == 0


def test_interrupted_run(reading: Read) -> None:
    """An interrupted run is invalid, with the reason, and keeps every number it had."""
    summary = reading(stopped_at_s=6.0).summary
    assert (summary.verdict, summary.status) == ("invalid", "interrupted")
    assert "The run was interrupted" in summary.reasons[0]
    assert any(value.name == "availability" and value.status == "known" for value in summary.metrics)


@pytest.mark.parametrize("killed_at_s", [0.2, 1.0, 2.6, 4.7])
def test_run_killed_at_any_moment(tmp_path: Path, killed_at_s: float) -> None:
    """Whenever a run is killed, what it left can be read, and it is invalid."""
    summary = summarise(make_run(tmp_path, **TINY, killed_at_s=killed_at_s))
    assert summary.verdict == "invalid"
    assert any("did not finish" in reason for reason in summary.reasons)


@pytest.mark.parametrize(
    "lost",
    [
        ("events.jsonl",),
        ("series.parquet",),
        ("parts/load-0.json",),
        ("parts/samples-0.arrow",),
        ("parts/attempts-provider-a.arrow", "parts/attempts-provider-b.arrow"),
        ("parts/samples-0.arrow", "parts/attempts-provider-a.arrow", "parts/attempts-provider-b.arrow", "events.jsonl"),
    ],
)
def test_any_file_may_be_missing(tmp_path: Path, lost: tuple[str, ...]) -> None:
    """Whatever is missing beside run.json, the rest is read and the reading says what is not there."""
    folder = make_run(tmp_path, **TINY)
    for name in lost:
        (folder.path / name).unlink()
    summary = summarise(folder)
    assert summary.verdict in ("invalid", "inconclusive")
    assert (folder.path / "summary.json").exists()


def test_garbage_in_parts(tmp_path: Path) -> None:
    """Bytes that are no stream, facts that are no JSON and events that are no lines stop nobody."""
    folder = make_run(tmp_path, **TINY)
    (folder.parts / "attempts-provider-b.arrow").write_bytes(b"\x00" * 64)
    (folder.parts / "load-0.json").write_text("{")
    with (folder.path / "events.jsonl").open("a") as events:
        events.write('{"at_ns": 5, "ev')
    summary = summarise(folder)
    assert summary.verdict == "invalid"
    assert any("attempts-provider-b.arrow" in reason for reason in summary.reasons)


def test_no_run_of_ours(tmp_path: Path) -> None:
    """A folder without run.json is no run, and that is an error of whoever named it."""
    folder = make_run(tmp_path, **TINY)
    (folder.path / "run.json").unlink()
    with pytest.raises(FileNotFoundError):
        summarise(folder)


def test_names(healthy: Reading) -> None:
    """Target and engine are named as the command line and the provenance name them."""
    record = healthy.tables.record
    assert (target_name(record), engine_name(record)) == ("reference", "embedded 0.1.0")
    plan = record.plan.model_copy(update={"target": record.plan.target.model_copy(update={"profile": "tuned"})})
    bare = record.model_copy(update={"plan": plan, "provenance": {}})
    assert (target_name(bare), engine_name(bare)) == ("reference:tuned", "embedded")


def test_factory_writes_a_run_with_its_summary(tmp_path: Path) -> None:
    """`python tests/factory.py DIR` makes a run that passes, for whoever needs one to look at."""
    script = Path(__file__).resolve().parent.parent / "factory.py"
    done = subprocess.run([sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, check=True)
    path, verdict = done.stdout.splitlines()
    assert verdict.startswith("pass: reference survived")
    assert Summary.model_validate_json((Path(path) / "summary.json").read_text()).verdict == "pass"
    shutil.rmtree(path)
