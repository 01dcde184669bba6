"""Runs that exist become sides: by target, by what somebody said, paired by seed."""

from __future__ import annotations

from pathlib import Path

from gatebench.errors import Problem
from gatebench.experiment.groups import found, given, record_facts
from gatebench.experiment.record import ExperimentFolder
from tests.compared import write_run


def at(second: int) -> str:
    """Return a moment."""
    return f"2026-11-21T12:00:{second:02}.000+00:00"


def test_runs_of_each_target_are_a_side_and_seeds_make_pairs(tmp_path: Path) -> None:
    """The second run with a seed belongs to the second with it; one without a partner stands alone; order is that of time."""
    runs = [
        write_run(tmp_path, target, seed, created=at(second)).path
        for second, (target, seed) in enumerate([("a", 1), ("b", 1), ("b", 1), ("a", 1), ("a", 2)])
    ]
    problems: list[Problem] = []
    facts = record_facts(found(list(reversed(runs)), problems), ExperimentFolder(tmp_path))
    assert not problems
    shown = {(one.side, one.seed, one.order): one.pair for one in facts["rounds"]}
    assert [one.order for one in facts["rounds"]] == [0, 1, 2, 3, 4]
    assert len({shown["a", 1, 0], shown["a", 1, 3], shown["a", 2, 4]}) == 3
    assert {shown["a", 1, 0], shown["a", 1, 3]} == {shown["b", 1, 1], shown["b", 1, 2]}


def test_two_runs_of_one_target_are_a_side_each(tmp_path: Path) -> None:
    """More than two need to be told apart by whoever has them."""
    runs = [write_run(tmp_path, "a", seed).path for seed in (1, 1, 2)]
    assert [group.label for group in found(runs[:2], [])] == [f"A: {runs[0].name}", f"B: {runs[1].name}"]
    problems: list[Problem] = []
    assert found(runs, problems) == []
    assert "--base RUN... --head RUN..." in problems[0].cure


def test_base_and_head_hold_one_target_each(tmp_path: Path) -> None:
    """Runs of two targets on one side cannot be told apart."""
    a, b, c = (write_run(tmp_path, target).path for target in "abc")
    problems: list[Problem] = []
    assert [group.label for group in given([("base", [a]), ("head", [b])], problems)] == ["a", "b"]
    other = write_run(tmp_path, "a", 2).path
    assert [group.label for group in given([("base", [a]), ("head", [other])], problems)] == ["base", "head"]
    assert not problems
    given([("base", [a, b]), ("head", [c])], problems)
    assert "holds runs of several targets: a, b" in problems[0].what
    given([("base", [a]), ("head", [a])], problems)
    assert f"stands on both sides or twice: {a.name}." in problems[1].what


def test_every_bad_run_is_named_at_once(tmp_path: Path) -> None:
    """Missing, damaged and doubled ones."""
    good, bad = write_run(tmp_path, "a").path, write_run(tmp_path, "b").path
    (bad / "run.json").write_text("{")
    problems: list[Problem] = []
    found([good, good, bad, tmp_path / "nothing"], problems)
    text = "\n".join(str(problem) for problem in problems)
    assert "there is no such folder" in text and "damaged or cut short" in text and "named twice" in text
