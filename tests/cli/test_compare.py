"""`bench compare` and `bench baseline` as they are typed: what they refuse, print and write, without a real run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gatebench.cli.main import app
from tests.compared import P50, Maker, write_run


@pytest.fixture(autouse=True)
def _workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEBENCH_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")


def bench(*words: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, list(words))


def two_sides(root: Path) -> list[str]:
    """Write four pairs of runs in turn, nginx a tenth slower; return their folders."""
    paths = []
    for pair in range(4):
        for place, (target, p50) in enumerate(
            [("reference", 50.0 + pair), ("nginx", (50.0 + pair) * (1.1 + pair / 500))]
        ):
            created = f"2026-11-21T12:00:{2 * pair + (place if pair % 2 == 0 else 1 - place):02}.000+00:00"
            paths.append(write_run(root / "runs", target, pair + 1, {P50: p50}, created=created).path)
    return [str(path) for path in paths]


def test_every_problem_is_said_at_once_and_nothing_is_started(tmp_path: Path) -> None:
    """Exit code 2, in JSON as well, and no folder."""
    done = bench(
        "compare", "--scenario", "nothing", "--target", "direct", "--rounds", "0", "-o", "no/where.html", "--json"
    )
    assert done.exit_code == 2
    said = " ".join(json.loads(done.stdout)["problems"])
    for words in (
        "no scenario of this name",
        "--target direct: is one side only",
        "--rounds 0: is none",
        "its folder does not exist",
    ):
        assert words in said
    assert not (tmp_path / "runs").exists()
    assert bench("compare").exit_code == 2
    assert bench("compare", "x", "--scenario", "smoke", "--target", "direct").exit_code == 2


def test_a_target_that_cannot_start_here_is_named_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 5, said in the remarks; with fewer than two left nothing is started."""
    (tmp_path / "targets" / "absent").mkdir(parents=True)
    (tmp_path / "targets" / "absent" / "target.toml").write_text(
        'description = "x"\nentry = "provider-a"\nrequires = [{ program = "no-such", cure = "make it" }]\n'
    )
    monkeypatch.setattr("gatebench.experiment.rounds.make", Maker())
    words = ("compare", "--scenario", "failover-outage", "--rounds", "2", "--no-floor", "--json")
    done = bench(*words, "--target", "direct,absent,reference")
    assert done.exit_code == 5
    told = json.loads(done.stdout)
    assert [side["label"] for side in told["sides"]] == ["direct", "reference"]
    assert any(
        remark == "absent is left out: it needs the program no-such, which is not on PATH. Try: make it."
        for remark in told["remarks"]
    )
    refused = bench(*words, "--target", "direct,absent")
    assert refused.exit_code == 2
    assert "needs the program no-such" in " ".join(json.loads(refused.stdout)["problems"])
    every = bench(*words, "--target", "all", "--dry-run")
    assert every.exit_code == 0 and "absent is left out" in " ".join(json.loads(every.stdout)["notes"])


def test_a_suite_plays_what_applies_and_prints_a_matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of direct nothing that needs failover, a limit or a cache; the folder is called after the suite."""
    maker = Maker()
    monkeypatch.setattr("gatebench.experiment.rounds.make", maker)
    done = bench("compare", "--suite", "resilience", "--target", "direct,reference")
    assert done.exit_code == 4, done.output
    played = [(plan.scenario, plan.target.name) for plan in maker.plans]
    assert ("failover-outage", "direct") in played and ("cache-zipf", "direct") not in played
    assert ("cache-zipf", "reference") in played
    limits = next(plan for plan in maker.plans if plan.scenario == "rate-limit")
    assert limits.target.settings["limit_algorithm"] == "token-bucket" and limits.time_scale == 0.6
    assert [path.name.partition("-")[2] for path in (tmp_path / "runs").iterdir()] == ["compare-resilience"]
    lines = done.stdout.splitlines()
    assert all(len(line) <= 80 or line.startswith("report") for line in lines)
    assert next(line for line in lines if line.startswith("one round")).split() == [
        "one",
        "round",
        "direct",
        "reference",
    ]
    assert next(line for line in lines if line.startswith("Stampede")).split()[1] == "n/a"
    told = json.loads(bench("compare", "--suite", "resilience", "--target", "direct,reference", "--json").stdout)
    answers = {one["title"]: one["answers"] for one in told["questions"]}
    assert answers["Stampede"]["direct"]["applies"] is False
    lost = answers["Failover loss"]["reference"]
    assert lost["applies"] and lost["round"] and (lost["median"] is not None or lost["why"])
    both = bench("compare", "--suite", "resilience", "--scenario", "smoke", "--target", "direct,reference")
    assert both.exit_code == 2 and "cannot be combined with --scenario" in " ".join(both.output.split())


def test_runs_that_exist_are_compared(tmp_path: Path) -> None:
    """The table fits 80 columns, and the report is where it was asked for."""
    done = bench("compare", *two_sides(tmp_path), "-o", "page.html")
    assert done.exit_code == 0, done.output
    assert "nginx against reference over 4 pairs: worse in 1 of" in " ".join(done.stdout.split())
    assert "✗ +10.3 % (" in done.stdout
    assert max(map(len, done.stdout.splitlines()[:-1])) <= 80
    assert (tmp_path / "page.html").is_file()


def test_an_experiment_is_compared_and_reported_again(tmp_path: Path) -> None:
    """`bench report` rebuilds the page, `bench compare` takes the folder as its sides."""
    paths = two_sides(tmp_path)
    told = json.loads(bench("compare", *paths, "--json").stdout)
    assert told["schema"] == "gatebench.comparison/1" and told["exit_code"] == 0
    folder = Path(told["folder"])
    (folder / "report.html").unlink()
    again = bench("report", str(folder))
    assert again.exit_code == 0 and (folder / "report.html").is_file()
    assert "over 4 pairs" in again.stdout
    assert "over 4 pairs" in bench("compare", str(folder)).stdout
    listed = json.loads(bench("ls", "runs", "--json").stdout)["rows"]
    assert "over 4 pairs" in next(one["verdict"] for one in listed if one["name"] == folder.name)
    (Path(paths[0]) / "summary.json").write_text("{")
    broken = bench("compare", str(folder))
    assert broken.exit_code == 2 and "damaged or cut short" in " ".join(broken.stderr.split())
    (folder / "experiment.json").write_text('{"schema": "gatebench.experiment/9"}')
    newer = bench("report", str(folder))
    assert newer.exit_code == 2 and "newer gatebench" in " ".join(newer.stderr.split())


def test_runs_of_other_scenarios_are_refused_and_leave_no_folder(tmp_path: Path) -> None:
    """Exit code 2 with the reason."""
    a = write_run(tmp_path / "runs", "a").path
    b = write_run(tmp_path / "runs", "b", scenario="smoke").path
    done = bench("compare", str(a), str(b))
    assert done.exit_code == 2 and "have no scenario in common" in done.stderr
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == sorted([a.name, b.name])
    half = bench("compare", "--base", str(a))
    assert half.exit_code == 2 and "Give both --base and --head" in " ".join(half.stderr.split())


def test_one_run_of_each_is_exit_code_4(tmp_path: Path) -> None:
    """The data cannot tell, and it says what would."""
    a, b = (write_run(tmp_path / "runs", "a", numbers={P50: p50}).path for p50 in (40.0, 80.0))
    done = bench("compare", "--base", str(a), "--head", str(b))
    assert done.exit_code == 4
    assert "no between-run interval" in done.stdout and "More rounds would tell." in " ".join(done.stdout.split())


def test_rounds_are_played_and_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The null target first, then the targets in turn; the experiment holds what was made."""
    maker = Maker({"reference": {P50: 50.0}, "nginx": {P50: 60.0}})
    monkeypatch.setattr("gatebench.experiment.rounds.make", maker)
    done = bench("compare", "--scenario", "smoke", "--target", "reference,nginx", "--rounds", "2", "--json", "--quiet")
    told = json.loads(done.stdout)
    assert [target for target, _ in maker.order] == ["direct", "reference", "nginx", "nginx", "reference"]
    assert told["pairs_asked"] == 2 and [one["seed"] for one in told["rounds"]] == [1, 1, 2, 2]
    assert len(told["floor"]) == 1
    record = json.loads((Path(told["folder"]) / "experiment.json").read_text())
    assert record["status"] == "finished" and record["kind"] == "compare"


def test_run_with_rounds_ends_as_its_worst_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rounds, each with a seed of its own; the second fails a check."""
    maker = Maker(outcomes={1: "fail"})
    monkeypatch.setattr("gatebench.experiment.rounds.make", maker)
    done = bench("run", "smoke", "--target", "direct", "--rounds", "3", "--seed", "7", "--quiet")
    assert done.exit_code == 1, done.output
    assert [seed for _, seed in maker.order] == [7, 8, 9]
    assert "direct, valid rounds: 3 of smoke." in done.stdout


def test_a_baseline_is_saved_listed_promoted_and_removed(tmp_path: Path) -> None:
    """Each with what it did; a name that is taken or unknown is refused."""
    paths = two_sides(tmp_path)
    assert bench("baseline", "save", "main", *paths[::2], "--tolerance", "p95=5%").exit_code == 0
    taken = bench("baseline", "save", "main", *paths[::2], "--tolerance", "p95=five")
    assert taken.exit_code == 2 and "is a baseline already" in taken.stderr and "is no tolerance" in taken.stderr
    listed = json.loads(bench("baseline", "list", "--json").stdout)["baselines"]
    assert [(one["name"], one["rounds"], one["tolerances"]) for one in listed] == [("main", 4, ["response_p95_ms=5%"])]
    folder = json.loads(bench("compare", *paths, "--json").stdout)["folder"]
    assert bench("baseline", "promote", "main", folder).exit_code == 0
    assert json.loads(bench("baseline", "list", "--json").stdout)["baselines"][0]["target"] == "nginx"
    assert bench("baseline", "promote", "other", folder).exit_code == 2
    assert bench("baseline", "rm", "other").exit_code == 2
    assert bench("baseline", "rm", "main").exit_code == 0
    assert "no baselines yet" in bench("baseline", "list").stdout


def test_a_gate_that_did_not_pass_is_promoted_only_when_somebody_says_so(tmp_path: Path) -> None:
    """Its exit code is in the record."""
    paths = two_sides(tmp_path)
    bench("baseline", "save", "main", *paths[::2])
    folder = Path(json.loads(bench("compare", *paths, "--json").stdout)["folder"])
    record = json.loads((folder / "experiment.json").read_text())
    record |= {"kind": "gate", "result": {"exit_code": 1}}
    (folder / "experiment.json").write_text(json.dumps(record))
    refused = bench("baseline", "promote", "main", str(folder))
    assert refused.exit_code == 2 and "ended with exit code 1" in refused.stderr
    assert bench("baseline", "promote", "main", str(folder), "--accept-regression").exit_code == 0
