"""The shipped questions for caches that answer by meaning: each with paraphrases, and with look-alikes that mean something else."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal, NamedTuple

from gatebench.stamp import fingerprint
from gatebench.traffic.draw import Draw
from gatebench.traffic.prompts import zipf
from gatebench.traffic.route import Route

Wording = Literal["canonical", "paraphrase", "lookalike", "personal", "timebound"]
WORDINGS: Final[tuple[Wording, ...]] = ("canonical", "paraphrase", "lookalike", "personal", "timebound")
NO_MEANING: Final = -1

_FILE: Final = Path(__file__).with_name("questions.json")
_RANK: Final = 2
"""The place of the popularity's own word in a draw."""
_SHARES: Final[tuple[tuple[Wording, int], ...]] = (
    ("canonical", 77),  # of 256: 30 %
    ("paraphrase", 179),  # 40 %
    ("lookalike", 230),  # 20 %
    ("personal", 243),  # 5 %
    ("timebound", 256),  # 5 %
)


class Question(NamedTuple):
    """A prompt, the number of what it means, and how it relates to the canonical wording of its group.

    The prompts of one meaning may share an answer; those of two never. A look-alike, a personal and a time-bound prompt have each a
    meaning of their own.
    """

    text: str
    meaning: int
    wording: Wording


class Group(NamedTuple):
    """One canonical question, its paraphrases (the same meaning) and its look-alikes (other numbers, names, directions, negations)."""

    canonical: Question
    paraphrases: tuple[Question, ...]
    lookalikes: tuple[Question, ...]


class QuestionSet(NamedTuple):
    """What is shipped."""

    groups: tuple[Group, ...]
    personal: tuple[Question, ...]
    timebound: tuple[Question, ...]


@cache
def shipped() -> QuestionSet:
    """Return the shipped questions, meanings numbered from 0: first those of the groups, in their order."""
    raw = json.loads(_FILE.read_text())
    meaning = len(raw["groups"])

    def own(texts: list[str], wording: Wording) -> tuple[Question, ...]:
        nonlocal meaning
        first, meaning = meaning, meaning + len(texts)
        return tuple(Question(text, first + place, wording) for place, text in enumerate(texts))

    groups = tuple(
        Group(
            Question(group["canonical"], number, "canonical"),
            tuple(Question(text, number, "paraphrase") for text in group["paraphrases"]),
            own(group["lookalikes"], "lookalike"),
        )
        for number, group in enumerate(raw["groups"])
    )
    return QuestionSet(groups, own(raw["personal"], "personal"), own(raw["timebound"], "timebound"))


@cache
def by_fingerprint() -> Mapping[int, Question]:
    """Return every shipped question by the fingerprint of its text."""
    groups, personal, timebound = shipped()
    of_groups = [question for group in groups for question in (group.canonical, *group.paraphrases, *group.lookalikes)]
    return {fingerprint(question.text): question for question in (*of_groups, *personal, *timebound)}


class Questions:
    """The question of each arrival, a function of (seed, arrival id): 30 % canonical, 40 % paraphrases, 20 % look-alikes, and 5 %
    each personal and time-bound.

    The k-th group is asked for in proportion to 1 / k ** `skew` (Zipf's law); which of its wordings is drawn evenly.
    """

    needs_bytes = 2

    def __init__(self, route: Route) -> None:
        self._set = shipped()
        self._ends = zipf(len(self._set.groups), route.skew)

    def question(self, draw: Draw) -> Question:
        """Return the question of an arrival."""
        drawn, which = draw.bytes(self.needs_bytes)
        wording = next(name for name, end in _SHARES if drawn < end)
        if wording == "personal":
            return self._set.personal[which % len(self._set.personal)]
        if wording == "timebound":
            return self._set.timebound[which % len(self._set.timebound)]
        group = self._set.groups[bisect_right(self._ends, draw.unit(_RANK))]
        if wording == "canonical":
            return group.canonical
        choices = group.paraphrases if wording == "paraphrase" else group.lookalikes
        return choices[which % len(choices)]
