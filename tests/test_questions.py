"""The shipped questions: what they promise to a cache that answers by meaning, and how they are drawn."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, cast

import pytest
from pydantic import ValidationError

from gatebench.stamp import fingerprint
from gatebench.traffic import Generator, Traffic, chat, messages
from gatebench.traffic.questions import Question, by_fingerprint, shipped


def made(raw: Traffic) -> Traffic:
    """Validate what a scenario file would write."""
    return Traffic.model_validate(cast("Any", raw))


def everything() -> list[Question]:
    """Return all questions there are."""
    groups, personal, timebound = shipped()
    return [
        *(q for group in groups for q in (group.canonical, *group.paraphrases, *group.lookalikes)),
        *personal,
        *timebound,
    ]


def test_sixty_meanings_with_paraphrases_and_lookalikes() -> None:
    """Each group has four paraphrases and three look-alikes; no text comes twice; all go into JSON as they are."""
    groups, personal, timebound = shipped()
    assert len(groups) == 60
    assert all((len(group.paraphrases), len(group.lookalikes)) == (4, 3) for group in groups)
    assert min(len(personal), len(timebound)) >= 10
    texts = [question.text for question in everything()]
    assert len(texts) == len(set(texts)) == len(by_fingerprint())
    assert all(json.dumps(text) == f'"{text}"' for text in texts)


def test_meanings_are_shared_by_paraphrases_alone() -> None:
    """A group's wordings have its number; every look-alike, personal and time-bound prompt has one of its own."""
    groups, personal, timebound = shipped()
    for number, group in enumerate(groups):
        assert {group.canonical.meaning, *(q.meaning for q in group.paraphrases)} == {number}
    own = [q.meaning for group in groups for q in group.lookalikes] + [q.meaning for q in (*personal, *timebound)]
    assert sorted(own) == list(range(60, 60 + len(own)))


def test_a_lookalike_looks_alike() -> None:
    """It shares more than 40 % of the words with the canonical question, or it would tempt nobody."""
    for group in shipped().groups:
        words = set(group.canonical.text.lower().strip("?").split())
        for question in group.lookalikes:
            own = set(question.text.lower().strip("?").split())
            assert len(words & own) / len(words | own) > 0.4, question.text


def test_the_draw_says_what_it_means() -> None:
    """A request carries the text, its fingerprint and its meaning; the same seed draws the same."""
    generator, again = (Generator(made(chat(questions=True, tenants=2)), 3) for _ in range(2))
    for arrival in range(300):
        request = generator.request(arrival)
        text = json.loads(request.body)["messages"][0]["content"]
        question = by_fingerprint()[request.fingerprint]
        assert (question.text, question.meaning) == (text, request.meaning)
        assert request.fingerprint == fingerprint(text)
        assert request == again.request(arrival)


def test_shares_of_wordings() -> None:
    """Over 4 000 draws each wording has its share, within five standard deviations; popular groups come more often."""
    generator = Generator(made(chat(questions=True, skew=1.0)), 1)
    drawn = [by_fingerprint()[generator.request(arrival).fingerprint] for arrival in range(4000)]
    counts = Counter(str(question.wording) for question in drawn)
    for wording, share in (
        ("canonical", 0.3),
        ("paraphrase", 0.4),
        ("lookalike", 0.2),
        ("personal", 0.05),
        ("timebound", 0.05),
    ):
        assert abs(counts[wording] - 4000 * share) < 5 * (4000 * share * (1 - share)) ** 0.5
    groups = Counter(question.meaning for question in drawn if question.meaning < 60)
    assert groups[0] > 3 * groups[20]


def test_other_prompts_mean_nothing_known() -> None:
    """A drawn prompt has no meaning that anybody could compare."""
    assert Generator(made(chat(prompts=10)), 1).request(0).meaning == -1


@pytest.mark.parametrize("raw", [chat(questions=True, prompts=10), messages(questions=True)])
def test_what_does_not_go_together(raw: Traffic) -> None:
    """Questions are for chat, and are a pool of their own."""
    with pytest.raises(ValidationError, match="questions"):
        made(raw)
