"""A series: the rounds of several scenarios on the same sides, the null target before them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gatebench.comparing.order import SIDES_OF_A_PAIR
from gatebench.errors import ConfigurationError, Ending, Interrupted
from gatebench.experiment.making import Made, heeding_signals
from gatebench.experiment.record import Round
from gatebench.experiment.rounds import ENVIRONMENT, INTERRUPTED, Books, Course, Ended, play, play_floor
from gatebench.plan import Plan

Planner = Callable[[str, str, int], Plan]
"""Returns the plan of a scenario on a side (by label) for a seed."""


@dataclass(frozen=True)
class Series:
    """What is played: every scenario in `pairs` pairs over the sides, `floor` the null target's plan of a scenario, if any.

    `left_out` names the sides to which a scenario does not apply, and why; one that applies to none is not played.
    """

    scenarios: Sequence[str]
    sides: Sequence[str]
    plan: Planner
    pairs: int
    seed: int
    floor: Mapping[str, Plan] = field(default_factory=dict)
    left_out: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def others_go_on(self) -> bool:
        """Whether the other sides are played on when one does not start: there are still some to compare."""
        return len(self.sides) > SIDES_OF_A_PAIR

    def sides_of(self, scenario: str) -> tuple[str, ...]:
        """Return the sides that play a scenario."""
        return tuple(side for side in self.sides if side not in self.left_out.get(scenario, {}))


@dataclass(frozen=True)
class Played:
    """How a series ended: 0, or the exit code that counts most; `errors` by the scenario that they ended."""

    code: int
    errors: Mapping[str, Ending]


def play_series(series: Series, books: Books, said: Callable[[Round, Made], None] = lambda one, made: None) -> Played:
    """Play everything and write the record's status. What does not start ends its scenario, and the others go on; an
    interruption ends the series. The record holds whatever was made until then.
    """
    codes: list[int] = []
    errors: dict[str, Ending] = {}
    for scenario in series.scenarios:
        ended = _play_one(series, scenario, books, said)
        codes.append(ended.code)
        if ended.error is not None:
            errors[scenario] = ended.error
        if ended.code == INTERRUPTED:
            break
    code = next((code for code in (INTERRUPTED, ENVIRONMENT) if code in codes), 0)
    books.record.status = "interrupted" if code == INTERRUPTED else "failed" if code else "finished"
    books.folder.save(books.record)
    return Played(code, errors)


def _play_one(series: Series, scenario: str, books: Books, said: Callable[[Round, Made], None]) -> Ended:
    """Play one scenario, the null target first. What could be planned once and no longer can is the environment's doing."""
    sides = series.sides_of(scenario)
    course = Course(scenario, sides, _planner(series, scenario), series.pairs, series.seed, series.others_go_on)
    try:
        with heeding_signals(series=True):
            if scenario in series.floor:
                ended = play_floor(scenario, series.floor[scenario], books)
                if ended.code != 0:
                    return ended
            return play(course, books, said=said)
    except (Interrupted, KeyboardInterrupt):
        return Ended(INTERRUPTED, Interrupted("between two runs"))
    except ConfigurationError as error:
        return Ended(ENVIRONMENT, error)


def _planner(series: Series, scenario: str) -> Callable[[str, int], Plan]:
    return lambda side, seed: series.plan(scenario, side, seed)
