"""The matrix of a suite: what each side answers, what it is sorted by, and why a cell is empty."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gatebench.analysis.comparison.comparison import Comparison, compare
from gatebench.analysis.comparison.matrix import Asked, matrix
from gatebench.analysis.report.comparison.matrix_view import MatrixView, view
from gatebench.analysis.report.comparison.page import render
from gatebench.content import Content
from gatebench.run.summary import Summary
from gatebench.suite import Question, Suite, SuiteEntry
from tests.analysis.comparison.test_comparison import material, taken
from tests.compared import LOST, P50, Numbers

SUITE = Suite(
    description="what <b>matters</b>",
    scenario=(SuiteEntry(name="failover-outage"), SuiteEntry(name="cache-zipf")),
    question=(
        Question(title="Median", asks="How long?", scenario="failover-outage", metric=P50[0], phase=P50[1]),
        Question(title="Lost", asks="How many?", scenario="failover-outage", metric=LOST[0]),
        Question(title="Good", asks="How many?", scenario="failover-outage", metric="availability", phase="fault"),
        Question(title="Hits", asks="How often?", scenario="cache-zipf", metric="true_hit_ratio", phase="baseline"),
        Question(
            title="Tricks", asks="Which?", scenario="failover-outage", metric=LOST[0], phase="fault", needs=("tricks",)
        ),
    ),
)
SIDES = ("old", "new", "odd")


def compared(rounds: int, **numbers: list[Numbers]) -> Comparison:
    """Compare three sides over so many rounds; cache-zipf is played by `old` alone."""
    found = []
    for pair in range(rounds):
        for place, side in enumerate(SIDES):
            found.append(taken(side, pair, 4 * pair + place, numbers[side][pair], link=f"{side}/{pair} é/report.html"))
        found.append(taken("old", pair, 4 * pair + 3, {}, scenario="cache-zipf"))
    idle = {"cache-zipf": {"new": "new does not declare cache", "odd": "odd does not declare cache"}}
    return compare(replace(material(*found, pairs=rounds), suite=SUITE, not_applicable=idle))


def asked(found: Comparison, title: str) -> Asked:
    """Return a question with its answers."""
    return next(one for one in matrix(found.material, found.rows) if one.question.title == title)


def seen(found: Comparison) -> MatrixView:
    """Return the matrix in words."""
    told = view(found)
    assert told is not None
    return told


def test_one_round_has_a_number_and_no_interval_between_rounds() -> None:
    """Each cell says so, and leads to its round."""
    found = compared(1, old=[{P50: 50, LOST: 0}], new=[{P50: 60, LOST: 7}], odd=[{P50: 55, LOST: 1}])
    told = seen(found)
    assert told.one_round
    assert [line.label for line in told.lines] == list(SIDES)
    assert [line.cells[1].text for line in told.lines] == ["0", "7", "1"]
    assert {line.cells[1].small for line in told.lines} == {"one round"}
    assert [line.cells[0].key for line in told.lines] == [50, 60, 55]
    assert told.lines[1].cells[0].link == "new/0 é/report.html"


def test_the_interval_within_the_only_round_is_named_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no interval between rounds, and does not look like one."""
    found = compared(1, old=[{}], new=[{}], odd=[{}])
    cell = seen(found).lines[0].cells[0]
    assert cell.small.startswith("one round: ") and "–" in cell.small


def test_several_rounds_have_an_interval_between_them() -> None:
    """Median and ends as in the tables below."""
    several: list[Numbers] = [{P50: 50 + i, LOST: 0} for i in range(4)]
    found = compared(4, old=several, new=several, odd=several)
    told = seen(found)
    assert not told.one_round
    assert told.lines[0].cells[0].text == "51.5\u202fms" and "–" in told.lines[0].cells[0].small
    assert told.lines[0].cells[1].small == ""  # 0 in every round


def test_what_a_target_cannot_do_is_not_0() -> None:
    """Where the scenario does not apply, and where the question needs more than the scenario."""
    found = compared(1, old=[{LOST: 0}], new=[{LOST: 0}], odd=[{LOST: 0}])
    told = seen(found)
    assert [line.cells[3].text for line in told.lines][1:] == ["n/a", "n/a"]
    assert told.lines[1].cells[3].note == "New does not declare cache."
    assert told.lines[1].cells[3].key is None and told.lines[1].cells[3].link == ""
    assert {line.cells[4].text for line in told.lines} == {"n/a"}
    assert asked(found, "Tricks").answers[0].why == "old does not declare tricks"


def test_the_unknown_says_why_and_is_sorted_nowhere() -> None:
    """As does a round that is not there."""
    found = compared(1, old=[{P50: None}], new=[{P50: 60}], odd=[{P50: 55}])
    cell = seen(found).lines[0].cells[0]
    assert (cell.text, cell.key, cell.note) == ("unknown", None, "Nobody was there to see.")
    rounds = [replace(one, valid=False, why="it died") if one.side == "new" else one for one in found.material.taken]
    dead = compare(replace(found.material, taken=tuple(rounds)))
    cell = seen(dead).lines[1].cells[0]
    assert (cell.text, cell.note) == ("unknown", "It died.") and cell.link


def test_a_bound_that_no_round_reached_is_a_bound() -> None:
    """The least of all rounds; where one round reached it, that round counts."""
    found = compared(2, old=[{P50: 1}, {P50: 2}], new=[{}, {}], odd=[{}, {}])

    def censored(summary: Summary | None, least: float) -> Summary:
        assert summary is not None
        told = [
            value.model_copy(update={"status": "censored", "value": least, "why": "not reached"})
            if (value.name, value.phase) == P50
            else value
            for value in summary.metrics
        ]
        return summary.model_copy(update={"metrics": told})

    rounds = [
        replace(one, summary=censored(one.summary, 800 - one.pair)) if one.side == "new" else one
        for one in found.material.taken
    ]
    bounded = compare(replace(found.material, taken=tuple(rounds)))
    cell = seen(bounded).lines[1].cells[0]
    assert (cell.text, cell.key, cell.note) == ("≥\u202f799\u202fms", 799, "Not reached.")
    reached = [found.material.taken[1] if one.order == rounds[1].order else one for one in rounds]
    mixed = seen(compare(replace(found.material, taken=tuple(reached)))).lines[1].cells[0]
    assert "≥" not in mixed.text
    assert mixed.note == "1 of 2 rounds have no such number, 1 of them because they did not reach it."


def test_a_comparison_of_scenarios_has_no_matrix() -> None:
    """It asks no questions."""
    assert view(compare(material(taken("old", 0, 0, {}), taken("new", 0, 1, {})))) is None


def test_the_page_has_the_matrix_and_escapes_it() -> None:
    """With a link a cell, the questions in full and what is said of one round."""
    found = compared(1, old=[{LOST: 0}], new=[{LOST: 0}], odd=[{LOST: 0}])
    page = render(found, Content(Path("/")).folders("reports"))
    assert 'class="matrix"' in page and 'href="new/0%20%C3%A9/report.html"' in page
    assert "One round, no between-run interval" in page
    assert "<b>matters</b>" not in page and "&lt;b&gt;matters&lt;/b&gt;" in page
    assert page.count('data-first="down"') == 1  # of availability more is better
