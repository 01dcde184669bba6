"""Validity: each question goes red for its own sickness, and only for that; a healthy run answers all of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gatebench.analysis.summary import summarise
from gatebench.target import TargetDefinition
from tests.analysis.conftest import Read, Reading
from tests.factory import make_run


def test_healthy_run_is_valid(healthy: Reading) -> None:
    """Every question is answered with ok, in a sentence."""
    assert {finding.status for finding in healthy.validity} == {"ok"}
    assert {finding.name for finding in healthy.validity} == {
        "finished",
        "workers",
        "instruments",
        "streams",
        "books",
        "sent",
        "dispatch_delay",
        "generator_cpu",
        "local_errors",
        "provider_ledger",
        "f1_applied",
        "f1_bit",
        "f1_cleared",
    }


@pytest.mark.parametrize(
    ("knobs", "invalid", "words"),
    [
        ({"unsent_generator": 60}, {"sent"}, "were not sent because the generator was late"),
        ({"dispatch_ms": 40.0}, {"dispatch_delay"}, "ms or more after it was due; at most 25 ms are allowed"),
        ({"cpu_share": 0.95}, {"generator_cpu"}, "used 95% of a core"),
        ({"lost_worker": True, "workers": 2}, {"workers", "streams", "books"}, "Load worker 1 was lost (exit code -9)"),
        ({"defect": "KeyError('x')"}, {"workers"}, "Load worker 0 ended with a defect of its own: KeyError('x')"),
        ({"local_errors": 3}, {"local_errors"}, "(EMFILE 3 times), which looks like errors of the target"),
        ({"missing": 1}, {"books"}, "has no row"),
        ({"torn_bytes": 8}, {"streams"}, "No end mark in samples-0.arrow"),
        ({"bite": 0.0}, {"f1_bit"}, "6 of 6 canaries met answer instead"),
        ({"bite": 0.5, "effect": "ratio"}, {"f1_bit"}, "had 0.50 of its configured effect"),
        ({"bite": 1.5, "effect": "ratio"}, {"f1_bit"}, "had 1.50 of its configured effect"),
        ({"clear": False}, {"f1_cleared"}, "still met trouble"),
        ({"apply": False}, {"f1_applied"}, "was never applied"),
        ({"canaries": False}, {"f1_bit", "f1_cleared"}, "No canary proves"),
        ({"stopped_at_s": 12.0}, {"finished"}, "The run was interrupted"),
        ({"killed_at_s": 12.0}, {"finished", "streams", "books"}, 'its record says "running"'),
        ({"provider_streams": ()}, {"provider_ledger"}, "what reached the providers is not known"),
    ],
)
def test_sickness_makes_the_run_invalid(reading: Read, knobs: dict[str, object], invalid: set[str], words: str) -> None:
    """A sick measurement is invalid whatever its checks say, for the reason that is true, in words."""
    read = reading(**knobs)
    assert read.invalid == invalid
    assert read.summary.verdict == "invalid"
    assert read.summary.exit_code == 3
    assert any(words in reason for reason in read.summary.reasons)


@pytest.mark.parametrize(
    "knobs",
    [
        {"unsent_generator": 20},  # 20 of about 3 500: 99.4 % sent, 99 % is the limit
        {"cpu_share": 0.89},
        {"dispatch_ms": 5.0},
        {"late_share": 0.005},  # late for fewer than one row in a hundred
        {"bite": 0.9, "effect": "ratio"},
        {"unsent_pool": 100},  # the target's doing, not ours
        {"series": False},
    ],
)
def test_what_lies_within_the_limits_is_valid(reading: Read, knobs: dict[str, object]) -> None:
    """Limits are limits: what stays inside them does not make a run invalid."""
    assert reading(**knobs).invalid == set()


def test_limits_stand_beside_what_was_measured(healthy: Reading) -> None:
    """A finding with a number shows the number and its limit, so that the margin can be seen."""
    finding = healthy.finding("dispatch_delay")
    assert finding.measured is not None
    assert 0.1 < finding.measured < 1.0
    assert (finding.limit, finding.unit) == (25.0, "ms")
    assert healthy.finding("sent").measured == 1.0


def test_workers_that_died_leave_their_load_unknown(reading: Read) -> None:
    """When no worker lived to say how busy it was, that is unknown, not ok."""
    assert reading(killed_at_s=12.0).finding("generator_cpu").status == "unknown"


def test_level_of_evidence_is_no_sickness(reading: Read) -> None:
    """A run against somebody else's upstream is not invalid for having no ledger."""
    read = reading(evidence="no-ledger", provider_streams=())
    assert read.invalid == set()
    assert "provider_ledger" not in {finding.name for finding in read.validity}


def test_stop_condition_and_failure_are_named(tmp_path: Path) -> None:
    """A run that stopped itself or failed says why."""
    folder = make_run(tmp_path, rate_per_s=50, warmup_s=0.5, baseline_s=2, fault_s=1, recovery_s=1)
    folder.event("stop.condition", why="half of all requests failed")
    assert "stopped by a stop condition: half of all requests failed." in summarise(folder).reasons[0]
    (folder.path / "events.jsonl").unlink()
    record = folder.load()
    record.status, record.trouble = "failed", ["the gateway went away"]
    folder.save(record)
    summary = summarise(folder)
    assert "The run failed: the gateway went away." in summary.reasons
    assert "the gateway went away" in summary.warnings


def test_no_request_due(tmp_path: Path) -> None:
    """A run so short that nothing was due shows nothing."""
    folder = make_run(tmp_path, rate_per_s=0.001, warmup_s=0, baseline_s=1, fault_s=0, recovery_s=0, series=False)
    summary = summarise(folder)
    assert summary.verdict == "invalid"
    assert any("No request was due" in reason for reason in summary.reasons)


@pytest.mark.parametrize("process", ["provider-a", "toxiproxy"])
def test_an_instrument_that_ended_by_itself_makes_the_run_invalid(tmp_path: Path, process: str) -> None:
    """A provider or the engine that died is our failure, and must not be laid at the target's door."""
    folder = make_run(tmp_path)
    folder.event("process.ended", process=process, pid=1, exit_code=-9)
    summary = summarise(folder)
    assert [finding.name for finding in summary.validity if finding.status == "invalid"] == ["instruments"]
    assert f"{process} ended by itself (exit code -9)" in " ".join(summary.reasons)


def test_a_gateway_that_ended_by_itself_is_a_warning(tmp_path: Path) -> None:
    """That is the target's doing: the measurement stands, and the reader is told."""
    folder = make_run(tmp_path)
    record = folder.load()
    definition = {"description": "x", "process": [{"name": "gateway", "command": ["gw"]}]}
    target = record.plan.target.model_copy(update={"definition": TargetDefinition.model_validate(definition)})
    folder.save(record.model_copy(update={"plan": record.plan.model_copy(update={"target": target})}))
    at_ns = (record.clock.load_start_ns or 0) + 4_200_000_000
    folder.event("process.ended", at_ns, process="gateway", pid=1, exit_code=139)
    summary = summarise(folder)
    assert "The target's process gateway ended by itself 4.2 s into the load (exit code 139)." in summary.warnings
    assert summary.verdict == "pass"


def test_a_fault_that_somebody_took_off_early_makes_the_run_invalid(tmp_path: Path) -> None:
    """The phase was to hold it to its end; who withstood a part of it did not withstand it."""
    folder = make_run(tmp_path)
    path = folder.path / "events.jsonl"
    events = [json.loads(line) for line in path.read_text().splitlines()]
    for event in events:
        if event["event"] in {"fault.clear_requested", "fault.cleared"}:
            event["at_ns"] -= 400_000_000
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    summary = summarise(folder)
    assert [finding.name for finding in summary.validity if finding.status == "invalid"] == ["f1_whole"]
    assert "before its time" in " ".join(summary.reasons)


def test_an_engine_that_fails_later_is_not_one_that_never_applied(tmp_path: Path) -> None:
    """What was acknowledged was applied; the sentence says what went wrong afterwards."""
    folder = make_run(tmp_path)
    folder.event("fault.failed", fault="f1", name="x", on="provider-a", why="Toxiproxy does not answer.")
    summary = summarise(folder)
    assert any(
        "was applied and went wrong: Toxiproxy does not answer. Run again." in reason for reason in summary.reasons
    )
