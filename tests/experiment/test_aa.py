"""`bench aa` from the command line to what it keeps, on rounds that are played without a gateway."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gatebench.cli.main import app
from gatebench.comparing.line import Measure
from gatebench.comparing.tolerance import Tolerance
from gatebench.experiment import rounds, study
from gatebench.experiment.findings import Findings
from gatebench.experiment.noise import load_noise
from gatebench.experiment.record import ExperimentFolder
from tests.identical_rounds import Chosen, fake_make

P95 = Measure("response_p95_ms", "", "ms", "lower", "baseline", Tolerance("response_p95_ms", relative=0.05))


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Call `bench` in a workspace of its own, with fewer simulated gates than a user has."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(study.study, "__kwdefaults__", {"pairs": 10, "gates": 1000, "seed": 1})
    monkeypatch.setattr(study, "SEARCHED", 200)

    def call(*words: str, sd: float = 0.01, verdict: Chosen = lambda number: "pass") -> Result:
        monkeypatch.setattr(rounds, "make", fake_make(sd, verdict=verdict))
        return CliRunner().invoke(app, list(words))

    return call


def experiment(tmp_path: Path) -> ExperimentFolder:
    """The only experiment that was made."""
    (path,) = (tmp_path / "runs").iterdir()
    return ExperimentFolder(path)


def test_identical_rounds_are_made_studied_and_kept(bench: Any, tmp_path: Path) -> None:
    """Twenty pairs: three live gates, tables within 80 columns, the result in experiment.json, the noise in the workspace."""
    done = bench("aa", "smoke", "--target", "reference", "--rounds", "20", "--quiet")
    assert done.exit_code == 0, done.output
    assert max(len(line) for line in done.stdout.splitlines() if "/runs/" not in line and "noise  " not in line) <= 80
    folder = experiment(tmp_path)
    record = folder.load()
    assert (record.kind, record.status, len(record.rounds)) == ("aa", "finished", 40)
    assert [one.side for one in record.rounds[:12]] == list("ABBABAABBAAB")
    assert {one.seed for one in record.rounds if one.pair == 7} == {8}
    found = Findings.model_validate(record.result)
    assert (found.pairs, found.live.of, found.live.count) == (20, 3, 0)
    assert found.plain is not None
    assert found.plain.of == 20
    assert found.nothing.alarms.of == 1000
    assert [one.label for one in found.measures] == [
        "response_p50_ms@baseline",
        "response_p95_ms@baseline",
        "error_share@baseline",
    ]
    assert found.measures[1].rounds == pytest.approx(0.01, rel=0.4)
    noise = load_noise(tmp_path, "smoke", "reference")
    assert noise is not None
    assert noise.why_not == ""
    assert len(noise.pair_s) == 20
    assert noise.turned[:4] == [False, True, True, False]
    assert 0 < (noise.floor(P95, 10) or 0) < 0.03
    assert noise.find("response_p50_ms", "warmup") is None
    assert noise.find("response_p999_ms", "baseline") is None


def test_an_experiment_is_read_again_without_a_run(bench: Any, tmp_path: Path) -> None:
    """The same rounds with another tolerance: other findings, and nothing is made."""
    bench("aa", "smoke", "--target", "reference", "--rounds", "12", "--quiet")
    folder = experiment(tmp_path)
    before = len(folder.load().rounds)
    done = bench("aa", str(folder.path), "--tolerance", "p95=20%", "--json")
    assert done.exit_code == 0, done.output
    found = Findings.model_validate(json.loads(done.stdout))
    assert set(found.tolerances) == {"response_p95_ms=20%", "response_p50_ms=5%", "error_share=0.005"}
    assert len(folder.load().rounds) == before
    assert found.live.of == 2


def test_the_gate_is_the_one_that_the_workspace_configured(bench: Any, tmp_path: Path) -> None:
    """Its target, its pairs and its tolerances, over which the command line's go; the same of rounds that are there."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.gatebench.gate]\ntarget = "reference"\npairs = 6\n[tool.gatebench.gate.tolerances]\np95 = "20%"\np50 = "7%"\n'
    )
    done = bench("aa", "smoke", "--rounds", "12", "--quiet", "--json", "--tolerance", "p50=9%")
    assert done.exit_code == 0, done.output
    found = Findings.model_validate(json.loads(done.stdout))
    assert set(found.tolerances) == {"response_p50_ms=9%", "response_p95_ms=20%"}
    assert (found.target, found.gate_pairs, found.live.of) == ("reference", 6, 2)
    again = bench("aa", str(experiment(tmp_path).path), "--json")
    found = Findings.model_validate(json.loads(again.stdout))
    assert set(found.tolerances) == {"response_p50_ms=7%", "response_p95_ms=20%"}


def test_a_table_that_is_wrong_is_refused(bench: Any, tmp_path: Path) -> None:
    """Its pairs, its tolerances and a key that is none, with the command line's own: each with its place."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.gatebench.gate]\npairs = 0\n[tool.gatebench.gate.tolerances]\np95 = "x"\n'
    )
    done = bench("aa", "smoke", "-t", "reference", "--header", "nothing")
    assert done.exit_code == 2
    said = " ".join(done.stderr.split())
    assert "3 problems" in said
    assert "pairs = 0: must lie between 2 and 200" in said
    assert "[tool.gatebench.gate] p95=x" in said
    assert not (tmp_path / "runs").exists()


def test_another_host_has_to_be_allowed(bench: Any) -> None:
    """A URL that is not on this machine is refused until its host is named."""
    done = bench("aa", "smoke", "-t", "http://192.0.2.7:1", "--dry-run")
    assert done.exit_code == 2
    assert "--allow-remote" in done.stderr
    done = bench("aa", "smoke", "-t", "http://192.0.2.7:1", "--dry-run", "--allow-remote", "192.0.2.7")
    assert done.exit_code == 0, done.output


def test_invalid_rounds_are_made_again_in_the_same_order(bench: Any, tmp_path: Path) -> None:
    """The fourth run is invalid: its pair does not count, the next has its order, and eight pairs count in the end."""
    done = bench(
        "aa", "smoke", "-t", "reference", "--rounds", "8", verdict=lambda number: "invalid" if number == 3 else "pass"
    )
    assert done.exit_code == 0, done.output
    assert "does not count: the generator was late" in done.stderr
    record = experiment(tmp_path).load()
    assert [one.side for one in record.rounds[:8]] == list("ABBABABA")  # the third pair is the second again
    assert len(record.rounds) == 18
    noise = load_noise(tmp_path, "smoke", "reference")
    assert noise is not None
    assert len(noise.pair_s) == 8


def test_too_few_rounds_that_count_prove_nothing(bench: Any) -> None:
    """Every other run is invalid: exit 3, and a sentence says how many pairs it takes."""
    done = bench(
        "aa",
        "smoke",
        "-t",
        "reference",
        "--rounds",
        "8",
        "-q",
        verdict=lambda number: "invalid" if number % 2 else "pass",
    )
    assert done.exit_code == 3
    assert "0 of 8 pairs count" in done.stderr


def test_a_tolerance_under_the_noise_is_named(bench: Any) -> None:
    """Where rounds vary by 10 %, 5 % are under the noise, and what would do is said."""
    done = bench("aa", "smoke", "-t", "reference", "--rounds", "12", "-q", "--json", sd=0.1)
    found = Findings.model_validate(json.loads(done.stdout))
    assert any("lies under the noise" in sentence for sentence in found.sentences)


def test_everything_that_is_wrong_is_said_at_once(bench: Any, tmp_path: Path) -> None:
    """No target, too few rounds, tolerances that are none, a phase that is not there: exit 2, and nothing is started."""
    done = bench("aa", "smoke", "--rounds", "3", "--tolerance", "p95=x", "--tolerance", "errors=5%,p95@fault=5%")
    assert done.exit_code == 2
    for said in (
        "5 problems",
        "--target",
        "too few",
        "is no tolerance",
        "% of a share misleads",
        "there is no phase fault",
    ):
        assert said in " ".join(done.stderr.split()), done.stderr
    assert not (tmp_path / "runs").exists()


def test_problems_are_json_where_it_was_asked_for(bench: Any) -> None:
    """One document with the problems and the exit code."""
    done = bench("aa", "nothing-like-it", "-t", "reference", "--json")
    assert done.exit_code == 2
    document = json.loads(done.stdout)
    assert document["exit_code"] == 2
    assert "no scenario of this name" in document["problems"][0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ('{"schema": "gatebench.experiment/1"}', "cannot be read"),
        ("compare", 'of kind "compare"'),
    ],
)
def test_a_folder_that_is_no_experiment_of_ours_is_refused(bench: Any, tmp_path: Path, text: str, said: str) -> None:
    """Damaged, incomplete, or of another kind: exit 2 with the reason."""
    folder = ExperimentFolder(tmp_path / "x")
    folder.path.mkdir()
    if text == "compare":
        folder.new_record("compare", [], scenarios=["smoke"], sides=[], pairs=1, seed=1)
    else:
        (folder.path / "experiment.json").write_text(text)
    done = bench("aa", str(folder.path))
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())


def test_a_dry_run_starts_nothing(bench: Any, tmp_path: Path) -> None:
    """It shows the plan and how many runs it would be."""
    done = bench("aa", "smoke", "-t", "reference", "--rounds", "10", "--dry-run")
    assert done.exit_code == 0
    assert "20 runs" in done.stdout
    assert list(tmp_path.iterdir()) == []
