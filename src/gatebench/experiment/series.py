"""A series: the rounds of several scenarios on the same sides, the null target before them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gatebench.errors import GatebenchError
from gatebench.experiment.making import Made
from gatebench.experiment.record import Round
from gatebench.experiment.rounds import ENVIRONMENT, INTERRUPTED, Books, Course, play, play_floor
from gatebench.plan import Plan

Planner = Callable[[str, str, int], Plan]
"""Returns the plan of a scenario on a side (by label) for a seed."""


@dataclass(frozen=True)
class Series:
    """What is played: every scenario in `pairs` pairs over the sides, `floor` the null target's plan of a scenario, if any."""

    scenarios: Sequence[str]
    sides: Sequence[str]
    plan: Planner
    pairs: int
    seed: int
    floor: Mapping[str, Plan] = field(default_factory=dict)


@dataclass(frozen=True)
class Played:
    """How a series ended: 0, or the exit code that counts most; `errors` by the scenario that they ended."""

    code: int
    errors: Mapping[str, GatebenchError]


def play_series(series: Series, books: Books, said: Callable[[Round, Made], None] = lambda one, made: None) -> Played:
    """Play everything and write the record's status. What does not start ends its scenario, and the others go on; an
    interruption ends the series. The record holds whatever was made until then.
    """
    codes: list[int] = []
    errors: dict[str, GatebenchError] = {}
    for scenario in series.scenarios:
        ended = play_floor(scenario, series.floor[scenario], books) if scenario in series.floor else None
        if ended is None or ended.code == 0:
            course = Course(scenario, series.sides, _planner(series, scenario), series.pairs, series.seed)
            ended = play(course, books, said=said)
        codes.append(ended.code)
        if ended.error is not None:
            errors[scenario] = ended.error
        if ended.code == INTERRUPTED:
            break
    code = next((code for code in (INTERRUPTED, ENVIRONMENT) if code in codes), 0)
    books.record.status = {INTERRUPTED: "interrupted", ENVIRONMENT: "failed"}.get(code, "finished")  # type: ignore[assignment]
    books.folder.save(books.record)
    return Played(code, errors)


def _planner(series: Series, scenario: str) -> Callable[[str, int], Plan]:
    return lambda side, seed: series.plan(scenario, side, seed)
