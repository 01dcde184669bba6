"""The reference gateway's semantic cache: other words for the same question share its answer, lookalikes do not."""

from __future__ import annotations

import socket
from typing import Any

import numpy as np
import pytest

from gatebench.traffic.questions import shipped
from targets.reference.refgate.cache.embedding import Embedding, wordllama_embedding
from targets.reference.refgate.cache.personal import is_personal_or_time_bound, must_not_be_kept
from targets.reference.refgate.cache.question import question_of
from targets.reference.refgate.cache.semantic_index import SemanticIndex
from tests.targets.caching import ask_for, cached, numbered, run, said, say
from tests.targets.calling import CHAT, Clock, Last

RESET = "How do I reset a password?"
SAME = "What is the way to reset a password?"
ASKED, SAME_ASKED = "What is the capital of France?", "Which city is France's capital?"


def vector(*numbers: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Return a vector of length one."""
    raw = np.array(numbers, np.float32)
    return raw / np.float32(np.linalg.norm(raw))


def test_the_nearest_above_the_threshold_is_found() -> None:
    """Cosines of 0.6 and 0.8 with what is looked for: the second one, unless more is wanted."""
    index = SemanticIndex(10)
    index.add("f", "a", vector(0.6, 0.8))
    index.add("f", "b", vector(0.8, 0.6))
    assert index.nearest("f", vector(1, 0), 0.79) == "b"
    assert index.nearest("f", vector(1, 0), 0.81) is None
    assert index.nearest("g", vector(1, 0), 0.1) is None


def test_what_is_removed_is_not_found() -> None:
    """Also after others have taken its place, in more rows than there was room for at first."""
    index = SemanticIndex(1000)
    rng = np.random.default_rng(1)
    vectors = {f"k{number}": vector(*rng.normal(size=8)) for number in range(200)}
    for key, one in vectors.items():
        index.add("f", key, one)
    for key in list(vectors)[::2]:
        index.remove(key)
        index.remove(key)
    assert len(index) == 100
    for number, (key, one) in enumerate(vectors.items()):
        assert (index.nearest("f", one, 0.999) == key) is (number % 2 == 1)


def test_the_oldest_goes_when_it_is_full() -> None:
    """A third key in an index for two."""
    index = SemanticIndex(2)
    for key, one in (("a", vector(1, 0)), ("b", vector(0, 1)), ("c", vector(-1, 0))):
        index.add("f", key, one)
        index.add("f", key, one)
    assert [index.nearest("f", one, 0.9) for one in (vector(1, 0), vector(0, 1), vector(-1, 0))] == [None, "b", "c"]


@pytest.mark.parametrize(
    "prompt",
    [
        "What is the weather in Paris?", "What happened today?", "WHAT IS MY BALANCE", "Where am I?", "I’m lost",
        "What's the score right now?", "the latest release", "What did we decide last week?", "stock of ACME",
    ],
)  # fmt: skip
def test_prompts_about_a_person_or_about_now(prompt: str) -> None:
    """Their answers depend on who asks or when."""
    assert is_personal_or_time_bound(prompt)


@pytest.mark.parametrize(
    "prompt",
    ["What is a myth?", "Explain mitosis", "How is knowledge stored?", "Who discovered iodine?", "w1 nowhere usurp"],
)
def test_prompts_about_neither(prompt: str) -> None:
    """Words that only contain one of the list's."""
    assert not is_personal_or_time_bound(prompt)


def test_what_is_not_kept() -> None:
    """Of the shipped questions all personal and time-bound ones; not what asks for advice in the first person."""
    _, personal, timebound = shipped()
    assert all(must_not_be_kept(question.text) for question in (*personal, *timebound))
    assert not any(
        must_not_be_kept(prompt) for prompt in ("How do I reset my router?", "Can I fly with my dog?", ASKED)
    )
    stage, calls = cached(Clock(), kind="semantic", threshold=0.5), [ask_for("What is my balance?")] * 2
    assert say(stage, Last(numbered()), calls) == [("1", ""), ("2", "")]


def test_a_question_is_its_last_message_within_all_the_rest() -> None:
    """Only the last words of the user may differ."""

    def frame(scope: str = "t", path: str = CHAT, **fields: Any) -> str:
        question = question_of(path, ask_for("a", **fields).body, scope)
        assert question is not None
        assert question.prompt == "a"
        return question.frame

    assert frame() == frame(user="somebody")
    assert len({frame(), frame("u"), frame(path="/v1/x"), frame(model="n"), frame(temperature=1)}) == 5


@pytest.mark.parametrize("messages", [None, [], ["a"], [{"role": "assistant", "content": "a"}], [{"role": "user"}]])
def test_what_is_no_question(messages: object) -> None:
    """Nothing, or nothing of the user's in plain text at its end."""
    assert question_of(CHAT, ask_for("a", messages=messages).body, "t") is None


@pytest.fixture(scope="module")
def embed() -> Embedding:
    """The real embedding."""
    return wordllama_embedding()


def test_the_embedding_comes_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its weights are in the wheel: with every connection refused it loads and tells meanings apart."""

    def refused(*_: object) -> None:
        raise ConnectionRefusedError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refused)
    embed = wordllama_embedding()
    assert float(embed(ASKED) @ embed(SAME_ASKED)) > 0.85
    assert float(embed(ASKED) @ embed("What is the capital of Germany?")) < 0.6
    assert float(embed(ASKED) @ embed(ASKED)) == pytest.approx(1.0, abs=1e-5)


def test_other_words_for_the_same_question_share_an_answer(embed: Embedding) -> None:
    """At 0.85 they do, at 0.95 they do not; the same words always do; other tenants and models never do."""
    calls = [ask_for(ASKED), ask_for(SAME_ASKED), ask_for(ASKED)]
    loose = cached(Clock(), kind="semantic", threshold=0.85)
    assert say(loose, Last(numbered()), calls) == [("1", "MISS"), ("1", "HIT"), ("1", "HIT")]
    others = [ask_for(SAME_ASKED, "tenant-2"), ask_for(SAME_ASKED, model="n"), ask_for("How do you bake bread?")]
    assert {claim for _, claim in say(loose, Last(numbered()), others)} == {"MISS"}
    strict = cached(Clock(), kind="semantic", threshold=0.95)
    assert say(strict, Last(numbered()), calls) == [("1", "MISS"), ("2", "MISS"), ("1", "HIT")]


def test_personal_questions_are_never_shared_by_meaning() -> None:
    """The same words are the same question; nearly the same words are not."""
    calls = [
        ask_for("How do I reset my password?"),
        ask_for("How do I reset my password"),
        ask_for(RESET),
        ask_for(SAME),
    ]
    stage = cached(Clock(), kind="semantic", threshold=0.5)
    assert [claim for _, claim in say(stage, Last(numbered()), calls)] == ["MISS"] * 4
    assert say(stage, Last(numbered()), calls[:1])[0][1] == "HIT"


def test_an_answer_whose_time_is_over_is_not_found_by_meaning() -> None:
    """Its place in the index goes with it, and the new answer is found."""

    async def test() -> None:
        clock, last = Clock(), Last(numbered())
        stage = cached(clock, kind="semantic", threshold=0.85, ttl_s=10)
        await stage(ask_for(ASKED), last)
        clock.now_s += 10
        assert said(await stage(ask_for(SAME_ASKED), last)) == ("2", "MISS")
        assert said(await stage(ask_for(ASKED), last)) == ("2", "HIT")

    run(test)
