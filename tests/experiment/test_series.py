"""Rounds of several scenarios: order, seeds, what is made again, and what an early end leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatebench.errors import ConfigurationError, Interrupted, Problem
from gatebench.experiment.comparing import conclude, material, rebuild
from gatebench.experiment.making import Made, Making
from gatebench.experiment.record import ExperimentFolder, ExperimentRecord, Side
from gatebench.experiment.rounds import Books
from gatebench.experiment.series import Played, Series, play_series
from gatebench.plan import Plan
from tests.compared import P50, Maker, nobody, plan_of


def played(
    monkeypatch: pytest.MonkeyPatch,
    out: Path,
    maker: Maker,
    *,
    pairs: int = 2,
    floor: bool = False,
    scenarios: tuple[str, ...] = ("one",),
    names: tuple[str, ...] = ("old", "new"),
    left_out: dict[str, dict[str, str]] | None = None,
) -> tuple[Played, ExperimentFolder, ExperimentRecord]:
    """Play rounds of old and new with a maker instead of real runs."""
    monkeypatch.setattr("gatebench.experiment.rounds.make", maker)
    folder = ExperimentFolder.create(out, "compare", "test")
    sides = [Side(label=name, target=name) for name in names]
    idle = left_out or {}
    record = folder.new_record(
        "compare", ["bench"], scenarios=list(scenarios), sides=sides, pairs=pairs, seed=5, not_applicable=idle
    )
    null = {scenario: plan_of("direct", 5, scenario) for scenario in scenarios} if floor else {}
    series = Series(scenarios, names, lambda scenario, side, seed: plan_of(side, seed, scenario), pairs, 5, null, idle)
    return play_series(series, Books(folder, record, Making([], nobody, {}, out))), folder, record


def test_sides_take_turns_and_pairs_share_a_seed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The null target first, then A B, B A, B A, A B, each pair with the next seed."""
    maker = Maker()
    result, folder, record = played(monkeypatch, tmp_path, maker, pairs=4, floor=True)
    assert result.code == 0 and record.status == "finished"
    assert list(maker.order) == [
        ("direct", 5), ("old", 5), ("new", 5), ("new", 6), ("old", 6), ("new", 7), ("old", 7), ("old", 8), ("new", 8),
    ]  # fmt: skip
    assert folder.load() == record
    assert [one.side for one in record.floor] == ["direct"]


def test_an_invalid_pair_is_made_again_with_another_seed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its rounds are kept and do not count."""
    maker = Maker(outcomes={1: "invalid"})
    _, folder, record = played(monkeypatch, tmp_path, maker)
    assert [(one.pair, one.valid) for one in record.rounds] == [
        (0, True), (0, False), (1, True), (1, True), (2, True), (2, True),
    ]  # fmt: skip
    found = conclude(folder, record)
    assert found.verdict.exit_code == 0 and [one.why for one in found.invalid] == ["the generator was late"]
    assert "over 2 pairs" in found.verdict.sentence


def test_pairs_that_stay_invalid_leave_the_comparison_incomplete(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two pairs may be tried three times; then it is exit code 3."""
    maker = Maker(outcomes=dict.fromkeys(range(2, 6), "invalid"))
    _, folder, record = played(monkeypatch, tmp_path, maker)
    assert len(record.rounds) == 6
    assert conclude(folder, record).verdict.exit_code == 3


def test_a_side_that_does_not_start_ends_its_scenario_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Exit code 5, and the second scenario has all its rounds."""
    maker = Maker(outcomes={1: "does not start"})
    result, folder, record = played(monkeypatch, tmp_path, maker, pairs=1, scenarios=("one", "two"))
    assert result.code == 5 and record.status == "failed"
    assert str(result.errors["one"]) == "the gateway ended by itself"
    assert [(one.scenario, one.side, one.exit_code) for one in record.rounds] == [
        ("one", "old", 0), ("one", "new", 5), ("two", "old", 0), ("two", "new", 0),
    ]  # fmt: skip
    assert record.rounds[1].folder == "" and record.rounds[1].why == "the gateway ended by itself"
    assert "No valid round of new in one" in conclude(folder, record).verdict.sentence


def test_of_three_sides_the_others_go_on_without_the_one_that_does_not_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is left out of what follows in that scenario, tried again in the next, and the exit code is 5 all the same."""
    maker = Maker(outcomes={1: "does not start"})
    result, folder, record = played(
        monkeypatch, tmp_path, maker, pairs=2, scenarios=("one", "two"), names=("a", "b", "c")
    )
    assert result.code == 5 and record.status == "failed"
    assert [(one.side, one.valid) for one in record.rounds if one.scenario == "one"] == [
        ("a", True), ("b", False), ("c", True), ("c", True), ("a", True),
    ]  # fmt: skip
    assert [one.side for one in record.rounds if one.scenario == "two"] == ["a", "b", "c", "c", "b", "a"]
    found = conclude(folder, record)
    assert found.verdict.word == "incomplete" and "No valid round of b in one" in found.verdict.sentence


def test_of_three_sides_only_the_one_that_lacks_a_round_plays_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the next seed, so that its differences have one pair less, and its median all rounds."""
    maker = Maker(outcomes={4: "invalid"})
    result, folder, record = played(monkeypatch, tmp_path, maker, pairs=2, names=("a", "b", "c"))
    assert result.code == 0
    assert [(one.side, one.pair, one.valid) for one in record.rounds] == [
        ("a", 0, True), ("b", 0, True), ("c", 0, True),
        ("c", 1, True), ("b", 1, False), ("a", 1, True), ("b", 2, True),
    ]  # fmt: skip
    found = conclude(folder, record)
    assert found.verdict.exit_code == 0
    assert [len(row.cells[1].points) for row in found.rows if (row.metric, row.phase) == P50] == [2]


def test_a_side_to_which_a_scenario_does_not_apply_is_not_played(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing is missing then; a scenario that applies to nobody is not played at all."""
    why = {"one": {"b": "b does not declare cache"}, "two": dict.fromkeys("abc", "nobody can")}
    result, folder, record = played(
        monkeypatch, tmp_path, Maker(), pairs=2, scenarios=("one", "two"), names=("a", "b", "c"), left_out=why
    )
    assert result.code == 0
    assert [one.side for one in record.rounds] == ["a", "c", "c", "a"]
    found = conclude(folder, record)
    assert found.verdict.exit_code == 0
    assert not any("has no run of" in remark for remark in found.remarks)


def test_an_interruption_keeps_what_was_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing further is started, the record says so, and the report can be built."""
    maker = Maker(outcomes={2: "interrupted"})
    result, folder, record = played(monkeypatch, tmp_path, maker, scenarios=("one", "two"))
    assert result.code == 130 and len(maker.plans) == 3
    assert folder.load().status == "interrupted"
    assert [one.valid for one in folder.load().rounds] == [True, True, False]
    assert conclude(folder, record).verdict.word == "incomplete" and folder.report.is_file()


def test_an_interruption_between_two_runs_keeps_the_record_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As does a target that can no longer be planned: that is exit code 5, and the record says failed."""

    class Broken(Maker):
        error: BaseException

        def __call__(self, plan: Plan, out: Path, making: Making) -> Made:
            if len(self.plans) == 3:
                raise self.error
            return super().__call__(plan, out, making)

    for error, code, status in (
        (KeyboardInterrupt(), 130, "interrupted"),
        (Interrupted("signal 15"), 130, "interrupted"),
        (ConfigurationError([Problem("port", "is taken.", "Free it.")]), 5, "failed"),
    ):
        maker = Broken()
        maker.error = error
        result, folder, _ = played(monkeypatch, tmp_path, maker)
        assert (result.code, folder.load().status, len(folder.load().rounds)) == (code, status, 3)


def test_the_report_is_rebuilt_from_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also elsewhere, with links that lead back; a round whose reading is gone does not count any more."""
    maker = Maker({"old": {P50: 50.0}, "new": {P50: 60.0}})
    _, folder, record = played(monkeypatch, tmp_path / "runs", maker)
    conclude(folder, record)
    for one in record.rounds:
        run = folder.run(one)
        assert run is not None
        run.report.write_text("a report")
    (tmp_path / "pages").mkdir()
    rebuild(folder.path, [], tmp_path / "pages" / "x.html")
    assert f'href="../runs/{folder.path.name}/rounds/' in (tmp_path / "pages" / "x.html").read_text()
    first = folder.run(record.rounds[0])
    assert first is not None
    (first.path / "summary.json").unlink()
    taken = material(folder, record).taken[0]
    assert not taken.valid and taken.why == "summary.json is not there"
