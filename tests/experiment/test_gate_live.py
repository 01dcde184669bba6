"""A live gate with rounds that nobody made: when it stops, what it finds, and everything that is never a pass."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gatebench.comparing.gated import Gated, advice, headline
from gatebench.comparing.looks import plan_looks
from gatebench.content import Content
from gatebench.errors import EnvironmentFailure, Interrupted, Problem
from gatebench.execution.runner import Nobody, Watcher
from gatebench.experiment import rounds
from gatebench.experiment.gate import Order, play_gate, prepare
from gatebench.experiment.making import Made, Making
from gatebench.experiment.record import ExperimentFolder
from gatebench.experiment.tolerances import Said
from gatebench.experiment.versions import Version
from gatebench.plan import Plan
from gatebench.run.summary import Summary
from tests.gate_rounds import Maker, noise, reading

FIRST = plan_looks(10).pairs[0]
SLOW = {"retries": "1"}  # what tells head from base in a plan


@contextlib.contextmanager
def nobody(plan: Plan) -> Iterator[Watcher]:
    """Nobody looks on."""
    yield Nobody()


def is_head(plan: Plan) -> bool:
    """Whether a plan is the head's."""
    return plan.target.settings["retries"] == 1


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Gated, Maker]]:
    """Play a gate whose rounds are told by a function of (is it the head, the seed, the plan)."""

    def played(
        tell: Callable[[bool, int, Plan], Summary | Made], begun: Callable[[], None] = lambda: None, **changes: Any
    ) -> tuple[Gated, Maker]:
        problems: list[Problem] = []
        prepared = prepare(order(**changes), tmp_path, problems)
        assert prepared is not None, problems
        plans = prepared.plans  # planned once: the seed is all that a round changes here
        monkeypatch.setattr(Order, "plan", lambda self, side, seed: plans[side].model_copy(update={"seed": seed}))
        maker = Maker(lambda _, plan: tell(is_head(plan), plan.seed, plan))
        monkeypatch.setattr(rounds, "make", maker)
        folder = ExperimentFolder.create(tmp_path / "runs", "gate", "smoke")
        return play_gate(prepared, folder, Making(["bench", "gate"], nobody, {}, tmp_path), begun=begun), maker

    return played


def order(**changes: Any) -> Order:
    """Return the order of a gate of smoke on the reference gateway."""
    content = Content()
    facts: dict[str, Any] = {
        "scenario": "smoke",
        "base": Version("base", "reference"),
        "head": Version("head", "reference", settings=SLOW),
        "contents": {"base": content, "head": content},
        "pairs": 10,
        "seed": 1,
        "said": Said(),
    }
    return Order(**{**facts, **changes})


def times(factor: float, spread: float = 0.01, **facts: Any) -> Callable[[bool, int, Plan], Summary]:
    """Return rounds whose head is `factor` times its base."""
    scatter = {True: noise(11, 100, spread), False: noise(12, 100, spread)}

    def tell(head: bool, seed: int, plan: Plan) -> Summary:
        level = (factor if head else 1.0) * scatter[head][seed]
        values = {"response_p50_ms": 20 * level, "response_p95_ms": 40 * level, "error_share": 0.0}
        return reading(seed, values=values, **facts)

    return tell


Play = Callable[..., tuple[Gated, Maker]]


def test_a_much_slower_head_is_red_at_the_first_look(play: Play) -> None:
    """50 % is seen at once; the sides take turns, with the same seed within a pair and a new one for each."""
    gated, maker = play(times(1.5))
    assert (gated.code, gated.pairs) == (1, FIRST)
    heads = [is_head(plan) for plan in maker.plans]
    assert heads[:4] == [False, True, True, False]
    assert sum(heads[::2]) == FIRST / 2  # each goes first equally often
    assert [plan.seed for plan in maker.plans] == [seed for pair in range(FIRST) for seed in (pair + 1, pair + 1)]


def test_the_same_head_is_green_and_stops_early(play: Play) -> None:
    """Nothing became worse, and the record says so."""
    gated, _ = play(times(1.0))
    assert gated.code == 0
    assert gated.pairs < 10
    record = ExperimentFolder(Path(gated.folder)).load()
    assert record.status == "finished"
    assert record.result["exit_code"] == 0
    assert {line["word"] for line in record.result["lines"]} <= {"equivalent", "not worse", "improved"}


def test_a_fixed_gate_makes_every_pair(play: Play) -> None:
    """Even when it is known before."""
    gated, maker = play(times(1.5), sequential=False)
    assert (gated.code, gated.pairs, len(maker.plans)) == (1, 10, 20)


def test_a_noisy_head_cannot_be_told(play: Play) -> None:
    """All pairs are made, and the exit code is 4."""
    gated, _ = play(times(1.0, spread=0.25))
    assert (gated.code, gated.pairs) == (4, 10)


def test_a_check_that_breaks_in_head_is_red_with_its_count(play: Play) -> None:
    """Its numbers are alike, and the gate does not stop as green before the check is judged."""

    def tell(head: bool, seed: int, plan: Plan) -> Summary:
        found = times(1.0)(head, seed, plan)
        checked = reading(seed, values={}, checks={"Wrong answers is at most 0": "fail" if head else "pass"})
        return found.model_copy(update={"checks": checked.checks})

    gated, _ = play(tell)
    assert (gated.code, gated.pairs) == (1, 10)
    assert "in 10 of 10 pairs it passes in base and fails in head" in headline(gated)


def test_a_number_that_head_has_lost_is_missing(play: Play) -> None:
    """Never a pass, though all others are fine."""

    def tell(head: bool, seed: int, plan: Plan) -> Summary:
        values = {"response_p50_ms": 20.0, "response_p95_ms": None if head else 40.0, "error_share": 0.0}
        return reading(seed, values=values)

    gated, _ = play(tell)
    assert gated.code == 4
    assert {line.measure.metric: line.word for line in gated.lines}["response_p95_ms"] == "missing"


def test_a_number_that_nobody_has_is_missing(play: Play) -> None:
    """A tolerance that compares nothing does not pass."""
    gated, _ = play(times(1.0), said=Said(["ttft_p50=5%"]))
    words = {line.measure.metric: line.word for line in gated.lines}
    assert words["ttft_p50_ms"] == "missing"
    assert gated.code == 4


def test_invalid_rounds_are_made_again_and_said(play: Play) -> None:
    """Two of head's cannot be trusted: their pairs do not count, others are made."""

    def tell(head: bool, seed: int, plan: Plan) -> Summary:
        bad = head and seed in {2, 3}
        return times(1.5, verdict="invalid" if bad else "pass", why="late by 40 ms" if bad else "")(head, seed, plan)

    gated, maker = play(tell)
    assert (gated.code, gated.pairs, len(maker.plans)) == (1, FIRST, 2 * FIRST + 4)
    assert "2 of head could not be trusted" in gated.notes[0]
    assert "late by 40 ms" in gated.notes[0]


def test_a_gate_of_invalid_rounds_shows_nothing(play: Play) -> None:
    """Exit code 3 with the reason, however much slower head is."""
    gated, maker = play(times(9.0, verdict="invalid", why="The generator was late."))
    assert (gated.code, gated.pairs, len(maker.plans)) == (3, 0, 30)
    assert "Only 0 of 10 pairs are complete" in headline(gated)
    assert "15 of base and 15 of head could not be trusted" in gated.notes[0]
    assert "The generator was late." in gated.notes[0]


def test_a_target_that_does_not_start_is_five(play: Play) -> None:
    """At once, with its words and its last ones."""
    failure = EnvironmentFailure("mygw did not become ready.", ["listening", "Segmentation fault"])
    gated, maker = play(lambda head, seed, plan: Made(None, None, 5, failure))
    assert advice(gated) == ["│ listening", "│ Segmentation fault"]
    assert (gated.code, len(maker.plans)) == (5, 1)
    assert headline(gated) == "mygw did not become ready."
    assert ExperimentFolder(Path(gated.folder)).load().status == "failed"


def test_an_interrupted_gate_is_130_and_keeps_what_was_made(play: Play) -> None:
    """Ctrl-C in the third run."""

    def tell(head: bool, seed: int, plan: Plan) -> Summary | Made:
        return Made(None, None, 130, Interrupted("Ctrl-C")) if seed == 2 else times(1.0)(head, seed, plan)

    gated, _ = play(tell)
    assert gated.code == 130
    record = ExperimentFolder(Path(gated.folder)).load()
    assert record.status == "interrupted"
    assert len(record.rounds) == 3


def test_an_interruption_between_two_runs_is_130_too(play: Play) -> None:
    """Wherever it comes."""

    def tell(head: bool, seed: int, plan: Plan) -> Summary:
        raise Interrupted("signal 15")

    assert play(tell)[0].code == 130


def test_a_build_that_fails_is_five_and_nothing_is_run(play: Play) -> None:
    """The record is there, the runs are not."""

    def begun() -> None:
        raise EnvironmentFailure("The build of mygw ended with exit code 2.")

    gated, maker = play(times(1.0), begun)
    assert (gated.code, maker.plans) == (5, [])
    assert "exit code 2" in headline(gated)


def refused(workspace: Path, **changes: Any) -> str:
    """Return every problem of an order, in one text."""
    problems: list[Problem] = []
    assert prepare(order(**changes), workspace, problems) is None
    return "\n".join(str(problem) for problem in problems)


def test_every_problem_is_said_at_once(tmp_path: Path) -> None:
    """Pairs, a setting of each side, a tolerance."""
    said = refused(
        tmp_path,
        pairs=1,
        base=Version("base", "reference", settings={"nonsense": "1"}),
        head=Version("head", "no-such-target"),
        said=Said(["p95=high"]),
    )
    for word in ("--pairs 1", "nonsense", "no-such-target", "p95=high"):
        assert word in said


def test_a_tolerance_for_a_phase_that_is_not_measured_is_refused(tmp_path: Path) -> None:
    """It would compare nothing."""
    assert "there is no phase warmup" in refused(tmp_path, said=Said(["p95@warmup=5%"]))


def test_a_scenario_that_does_not_apply_is_refused(tmp_path: Path) -> None:
    """Numbers of a fault that was never put on say nothing."""
    said = refused(
        tmp_path,
        scenario="hedging",
        base=Version("base", "direct"),
        head=Version("head", "direct"),
    )
    assert "hedging on base: does not apply" in said


def test_the_defaults_are_of_what_the_gateway_adds_where_there_are_lanes(tmp_path: Path) -> None:
    """The paired differences to `direct` stand for p50 and p95."""
    prepared = prepare(order(scenario="overhead"), tmp_path, [])
    assert prepared is not None
    metrics = [one.metric for one in prepared.tolerances]
    assert metrics == ["overhead_median_ms", "overhead_p95_ms", "error_share"]


def test_one_commit_on_both_sides_is_said(tmp_path: Path) -> None:
    """Whatever differs is noise."""
    versions = {side: Version(side, "reference", "git", "main", commit="0" * 40) for side in ("base", "head")}
    prepared = prepare(order(**versions), tmp_path, [])
    assert prepared is not None
    assert "same commit" in prepared.notes[0]
