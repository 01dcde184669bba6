"""Rounds: the same scenario on every side in turn, ABBA BAAB …, so that what drifts hits both alike (`measurement.md` 26)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gatebench.comparing.order import turned
from gatebench.errors import Ending
from gatebench.experiment.making import Made, Making, make
from gatebench.experiment.record import ExperimentFolder, ExperimentRecord, Round
from gatebench.plan import Plan

INTERRUPTED = 130
ENVIRONMENT = 5
SPARE = 0.5
"""Pairs that may be made again because a run in them was invalid, as a part of those that were asked for."""

Planner = Callable[[str, int], Plan]
"""Returns the plan of a side (by label) for a seed."""


@dataclass(frozen=True)
class Course:
    """What a series of rounds is made of: one scenario, the labels of its sides, and how each is planned for a seed.

    A side that does not start ends the series, or, when the others `go_on`, is left out of what follows.
    """

    scenario: str
    sides: Sequence[str]
    plan: Planner
    pairs: int
    seed: int
    go_on: bool = False


@dataclass(frozen=True)
class Ended:
    """How a series ended: 0, or the exit code of what ended it early."""

    code: int
    error: Ending | None = None


@dataclass(frozen=True)
class Books:
    """Where rounds go: the experiment's folder, its record, and how runs are made."""

    folder: ExperimentFolder
    record: ExperimentRecord
    making: Making


def play(
    course: Course,
    books: Books,
    settled: Callable[[int], bool] = lambda pairs: False,
    said: Callable[[Round, Made], None] = lambda one, made: None,
) -> Ended:
    """Make pairs until there are as many complete ones as were asked for, or `settled(complete pairs)` says it is enough.

    A pair in which a run is invalid is kept, does not count, and is made again with the next seed and in the same order, so
    that the pairs that count take turns; at most `SPARE` times as many as were asked for. Where the others go on, only the sides
    that lack a round play again. The record is written after every run.
    """
    complete, tries, ended, playing = 0, 0, Ended(0), tuple(course.sides)
    good: Counter[str] = Counter()
    while playing and complete < course.pairs and tries < course.pairs + round(SPARE * course.pairs):
        again = course.go_on and tries >= course.pairs
        sides = tuple(side for side in playing if good[side] < course.pairs) if again else playing
        rounds = []
        for side in sides if not turned(tries if course.go_on else complete) else reversed(sides):
            one, made = _one(course, side, tries, books)
            rounds.append(one)
            good[side] += one.valid
            books.record.rounds.append(one)
            books.folder.save(books.record)
            said(one, made)
            if made.code == ENVIRONMENT and course.go_on:
                ended, playing = Ended(made.code, made.error), tuple(other for other in playing if other != side)
            elif made.code in {INTERRUPTED, ENVIRONMENT}:
                return Ended(made.code, made.error)
        tries += 1
        if course.go_on:
            complete = min((good[side] for side in playing), default=0)
        elif all(one.valid for one in rounds):
            complete += 1
            if settled(complete):
                break
    return ended


def play_floor(scenario: str, plan: Plan, books: Books) -> Ended:
    """Make one run of the null target: what the harness itself adds, beside which the sides' numbers are read."""
    course = Course(scenario, ("direct",), lambda side, seed: plan, 1, plan.seed)
    one, made = _one(course, "direct", 0, books)
    books.record.floor.append(one)
    books.folder.save(books.record)
    return Ended(made.code if made.code in {INTERRUPTED, ENVIRONMENT} else 0, made.error)


def _one(course: Course, side: str, pair: int, books: Books) -> tuple[Round, Made]:
    began = time.monotonic()
    seed = course.seed + pair
    made = make(course.plan(side, seed), books.folder.path / "rounds", books.making)
    verdict = made.summary.verdict if made.summary else None
    code = made.code or (made.summary.exit_code if made.summary else ENVIRONMENT)
    why = ""
    if made.error is not None:
        why = str(made.error).splitlines()[0] if str(made.error) else type(made.error).__name__
    elif made.summary is not None and verdict == "invalid":
        why = next(iter(made.summary.reasons), "invalid")
    elif made.summary is not None and made.summary.deaths:
        why = made.summary.deaths[0]
    return (
        Round(
            scenario=course.scenario,
            pair=pair,
            order=len(books.record.rounds),
            side=side,
            seed=seed,
            folder=relative(made.folder.path, books.folder) if made.folder else "",
            exit_code=code,
            valid=made.code == 0 and made.summary is not None and not why,
            why=why,
            took_s=round(time.monotonic() - began, 3),
        ),
        made,
    )


def complete_pairs(record: ExperimentRecord, scenario: str, sides: tuple[str, str]) -> list[Mapping[str, Round]]:
    """Return the pairs of a scenario in which both sides' runs are valid, in the order of time."""
    pairs: dict[int, dict[str, Round]] = {}
    for one in record.rounds:
        if one.scenario == scenario and one.valid and one.side in sides:
            pairs.setdefault(one.pair, {})[one.side] = one
    return [pairs[pair] for pair in sorted(pairs) if len(pairs[pair]) == len(set(sides))]


def relative(path: Path, folder: ExperimentFolder) -> str:
    """Return how a round names a run folder: relative to the experiment where it lies below it."""
    try:
        return str(path.resolve().relative_to(folder.path.resolve()))
    except ValueError:
        return str(path.resolve())
