"""`bench gate` as it is typed: what is refused, what is written, which exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gatebench.cli.main import app
from tests.experiment.test_gate_benchmarks import SUM, session, sessions
from tests.experiment.test_gate_stored import rounds


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace, a terminal of 80 columns, no CI."""
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "GATEBENCH_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def gate(*words: str) -> Result:
    """Call `bench gate`."""
    return CliRunner().invoke(app, ["gate", *words])


def test_without_anything_every_missing_word_is_named() -> None:
    """Scenario, target, and what to compare with."""
    done = gate()
    assert done.exit_code == 2
    for word in ("--scenario: is missing", "--target: is missing", "--baseline-target: is missing"):
        assert word in done.output


def test_a_candidate_without_a_baseline_is_refused() -> None:
    """A missing baseline is never a pass."""
    done = gate("runs/x")
    assert done.exit_code == 2
    assert "there is nothing to compare with" in done.output


def test_ways_that_do_not_go_together_are_refused() -> None:
    """Stored runs have no scenario to be made."""
    done = gate("runs/x", "--baseline", "y", "--scenario", "smoke", "--dry-run", "--pytest-benchmark", "z.json")
    assert done.exit_code == 2
    for word in ("--scenario: is for runs", "--dry-run: is for runs", "has no place beside --pytest-benchmark"):
        assert word in " ".join(done.output.split())


def test_problems_are_json_when_json_is_asked_for() -> None:
    """One document with the exit code."""
    document = json.loads(gate("--json").stdout)
    assert document["schema"] == "gatebench.gate/1"
    assert document["exit_code"] == 2
    assert len(document["problems"]) == 3


def test_the_table_of_the_workspace_fills_in(workspace: Path) -> None:
    """Scenario, target, pairs, tolerances; the plan says them, and nothing is started."""
    (workspace / "pyproject.toml").write_text(
        '[tool.gatebench.gate]\nscenario = "smoke"\ntarget = "reference"\nbaseline-target = "direct"\npairs = 14\n'
        'tolerances = { p99 = "9%" }\n'
    )
    done = gate("--dry-run")
    assert done.exit_code == 0, done.output
    assert "at most 14 pairs" in done.output
    assert "response_p99_ms=9%" in done.output
    assert not (workspace / "runs").exists()
    document = json.loads(gate("--dry-run", "--json", "--pairs", "8").stdout)
    assert (document["pairs"], document["base"], document["head"]) == (8, "direct", "reference")


def test_an_output_that_cannot_be_written_is_refused_first(workspace: Path) -> None:
    """Not after twenty runs."""
    done = gate(
        "--scenario", "smoke", "--target", "reference", "--baseline-target", "direct", "--junit", str(workspace)
    )
    assert done.exit_code == 2
    assert "cannot be written" in " ".join(done.output.split())


def test_stored_runs_are_judged_and_written(workspace: Path) -> None:
    """Red: exit code 1, a table of 80 columns, Markdown and JUnit."""
    head, base = rounds(workspace / "new", 1.3), rounds(workspace / "old")
    words = [str(path) for path in head]
    for path in base:
        words += ["--baseline", str(path)]
    done = gate(*words, "--markdown", "out/gate.md", "--junit", "out/gate.xml")
    assert done.exit_code == 1, done.output
    assert "✗ REGRESSED" in done.output
    assert all(len(line) <= 80 for line in done.output.splitlines())
    assert "not made in turn" in " ".join(done.output.split())
    assert (workspace / "out" / "gate.md").read_text().startswith("## ❌ smoke on reference: regressed")
    assert "<failure" in (workspace / "out" / "gate.xml").read_text()
    document = json.loads(gate(*words, "--json").stdout)
    assert (document["exit_code"], document["pairs"], document["how"]) == (1, 8, "stored")


def test_benchmarks_are_judged(workspace: Path) -> None:
    """Several files by commas; single ones cannot tell."""
    new, old = sessions(workspace, "new", 1, 1.2), sessions(workspace, "old", 2)
    joined = [",".join(map(str, paths)) for paths in (new, old)]
    assert gate("--pytest-benchmark", joined[0], "--baseline", joined[1]).exit_code == 1
    one, other = session(workspace / "a.json", {SUM: 1.0}), session(workspace / "b.json", {SUM: 1.0})
    assert gate("--pytest-benchmark", str(one), "--baseline", str(other)).exit_code == 4


def test_a_ci_is_told(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub on stdout, or on stderr beside a JSON document; GitLab in a folded section and a file."""
    one, other = session(workspace / "a.json", {SUM: 1.0}), session(workspace / "b.json", {SUM: 1.0})
    words = ("--pytest-benchmark", str(one), "--baseline", str(other))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert "\n::warning " in gate(*words).stdout
    beside = gate(*words, "--json")
    assert json.loads(beside.stdout)["exit_code"] == 4
    assert "::warning " in beside.stderr
    monkeypatch.delenv("GITHUB_ACTIONS")
    monkeypatch.setenv("GITLAB_CI", "true")
    assert "section_start:" in gate(*words).stdout
    assert (workspace / "gl-code-quality-report.json").is_file()
