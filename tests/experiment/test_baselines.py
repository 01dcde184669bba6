"""Baselines: what is kept, what is refused, and that a gate reads back what was saved."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatebench.errors import Problem
from gatebench.experiment import baselines
from gatebench.experiment.making import Making
from gatebench.experiment.record import ExperimentFolder, Side
from gatebench.experiment.rounds import Books
from gatebench.experiment.series import Series, play_series
from tests.compared import P50, Maker, nobody, plan_of, write_run


def saved(workspace: Path, paths: list[Path], tolerances: tuple[str, ...] = ()) -> baselines.Baseline:
    """Save runs as the baseline main and load it again."""
    problems: list[Problem] = []
    taken = baselines.take(paths, problems)
    assert taken is not None, problems
    baselines.save("main", taken, workspace, tolerances)
    found = baselines.load_baseline("main", workspace, problems)
    assert found is not None, problems
    return found


def refused(workspace: Path, paths: list[Path], **choice: str) -> str:
    """Return why runs make no baseline."""
    problems: list[Problem] = []
    assert baselines.take(paths, problems, **choice) is None
    return "\n".join(str(problem) for problem in problems)


def test_a_baseline_keeps_numbers_tolerances_and_where_they_are_from(tmp_path: Path) -> None:
    """Rounds in the order that was given; no folder of the machine is in it."""
    runs = [write_run(tmp_path / "runs", seed=seed, numbers={P50: 40.0 + seed}).path for seed in (3, 4)]
    found = saved(tmp_path, runs, ("response_p95_ms=5%",))
    assert [one.seed for one in found.summaries] == [3, 4]
    values = [value.value for one in found.summaries for value in one.metrics if (value.name, value.phase) == P50]
    assert values == [43.0, 44.0]
    assert found.kept.tolerances == ["response_p95_ms=5%"] and found.kept.target == "gate"
    assert found.kept.scenario_digest == "sha256:feed" and found.kept.gatebench == "0.1.0"
    kept = "".join(path.read_text() for path in found.path.rglob("*.json"))
    assert str(tmp_path) not in kept
    assert {path.name for path in found.path.rglob("*.json")} == {"experiment.json", "run.json", "summary.json"}


def test_saving_again_replaces_all_of_it(tmp_path: Path) -> None:
    """No round of the old one stays."""
    saved(tmp_path, [write_run(tmp_path / "runs", seed=seed).path for seed in (1, 2)])
    found = saved(tmp_path, [write_run(tmp_path / "runs", seed=9).path])
    assert [one.seed for one in found.summaries] == [9]
    assert len(list((found.path / "rounds").iterdir())) == 1 and baselines.names(tmp_path) == ["main"]


def test_what_is_no_baseline_is_refused_in_sentences(tmp_path: Path) -> None:
    """Several scenarios and targets at once; runs that do not count; folders that are none."""
    runs = tmp_path / "runs"
    a, b = write_run(runs, "a").path, write_run(runs, "b", scenario="smoke").path
    text = refused(tmp_path, [a, b])
    assert "several scenarios: failover-outage, smoke" in text and "several targets: a, b" in text
    assert "none of them counts" in refused(tmp_path, [write_run(runs, verdict="invalid").path])
    assert "there is no such folder" in refused(tmp_path, [runs / "nothing"])


def test_a_side_of_an_experiment_is_picked_by_its_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a label both sides are named; invalid rounds stay out."""
    monkeypatch.setattr("gatebench.experiment.rounds.make", Maker(outcomes={1: "invalid"}))
    folder = ExperimentFolder.create(tmp_path, "compare", "x")
    sides = [Side(label=name, target=name) for name in ("old", "new")]
    record = folder.new_record("compare", [], scenarios=["one"], sides=sides, pairs=2, seed=1)
    series = Series(["one"], ["old", "new"], lambda scenario, side, seed: plan_of(side, seed, scenario), 2, 1)
    play_series(series, Books(folder, record, Making([], nobody, {}, tmp_path)))
    assert "Pick one with --target: old, new" in refused(tmp_path, [folder.path])
    assert "Its sides are: old, new" in refused(tmp_path, [folder.path], target="other")
    taken = baselines.take([folder.path], [], target="new")
    assert taken is not None and [one.summary.seed for one in taken] == [2, 3]


def test_a_gate_may_name_a_run_or_an_experiment_instead(tmp_path: Path) -> None:
    """A run is a baseline of one round; a name that is nothing lists those that there are."""
    run = write_run(tmp_path / "runs", seed=4).path
    found = baselines.load_baseline(str(run), tmp_path, [])
    assert found is not None and [one.seed for one in found.rounds] == [4] and found.kept.target == "gate"
    saved(tmp_path, [run])
    problems: list[Problem] = []
    assert baselines.load_baseline("other", tmp_path, problems) is None
    assert "The baselines are: main." in problems[0].cure


def test_a_damaged_baseline_is_refused(tmp_path: Path) -> None:
    """A round that cannot be read is not left out in silence."""
    found = saved(tmp_path, [write_run(tmp_path / "runs", seed=seed).path for seed in (1, 2)])
    next(found.path.rglob("summary.json")).write_text("{")
    problems: list[Problem] = []
    assert baselines.load_baseline("main", tmp_path, problems) is None
    assert "damaged or cut short" in problems[0].what
    baselines.remove("main", tmp_path)
    assert baselines.names(tmp_path) == []


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 65])
def test_a_name_is_that_of_a_folder(name: str) -> None:
    """Whatever could lead out of the folder is none."""
    assert baselines.name_problem(name) is not None
    assert baselines.name_problem("main-2.1") is None
