"""Tokens billed beside tokens made, each red once and green once."""

from __future__ import annotations

import pytest

from gatebench.analysis.metrics import accounting
from gatebench.traffic import Route
from tests.analysis.conftest import Reading
from tests.analysis.handmade import STREAM, Played, scope_of

BILL = {"usage_in": 40, "usage_out": 24}


def test_answers_that_bill_what_was_made(healthy: Reading) -> None:
    """Twenty answers of 40 + 24 tokens, billed as such, are without an error; a replay bills what its attempt made."""
    scope = scope_of(healthy.tables, [*([Played(BILL)] * 20), Played(BILL, (), by=3)])
    assert accounting.usage_error(scope).value == 0.0
    assert accounting.usage_error(scope).why == "1344 tokens billed, 1344 made, in 21 answers"
    assert accounting.overbilled_answers(scope).value == 0.0
    assert accounting.underbilled_answers(scope).value == 0.0
    assert accounting.unbilled_answers(scope).value == 0.0
    assert accounting.undelivered_tokens(scope).value == 0.0


def test_answers_that_bill_wrong(healthy: Reading) -> None:
    """One bills a retry's 64 tokens as well, one forgets its prompt's 40: 104 of 1 280, and they do not cancel out."""
    played = [Played(BILL)] * 18
    played += [Played({"usage_in": 80, "usage_out": 48}), Played({"usage_in": 0, "usage_out": 24})]
    scope = scope_of(healthy.tables, played)
    assert accounting.usage_error(scope).value == pytest.approx(104 / 1280)
    assert accounting.overbilled_answers(scope).value == 1.0
    assert accounting.underbilled_answers(scope).value == 1.0
    assert accounting.misbilled(scope).index.tolist() == [18, 19]


def test_answers_that_bill_nothing(healthy: Reading) -> None:
    """Whole answers should say what they used; a stream only when it was asked to."""
    silent = [Played(), *([Played(BILL)] * 20)]
    assert accounting.unbilled_answers(scope_of(healthy.tables, silent)).value == 1.0
    assert accounting.usage_error(scope_of(healthy.tables, silent)).value == 0.0
    assert accounting.unbilled_answers(scope_of(healthy.tables, silent, route=STREAM)).status == "unknown"
    asked = Route(name="chat", stream=True, usage=True)
    assert accounting.unbilled_answers(scope_of(healthy.tables, silent, route=asked)).value == 1.0


def test_an_embedding_has_no_completion_tokens(healthy: Reading) -> None:
    """What an answer does not name is not compared."""
    played = [Played({"usage_in": 40}, ({"tokens_out": 0},))] * 20
    assert accounting.usage_error(scope_of(healthy.tables, played)).value == 0.0


def test_tokens_that_nobody_got(healthy: Reading) -> None:
    """Of 21 attempts that answered one was thrown away for another: 64 of 1 344 tokens; a refusal costs nothing."""
    twice = Played(BILL, ({"end": "cancelled"}, {"end": "error", "status": 503}, {}))
    found = accounting.undelivered_tokens(scope_of(healthy.tables, [*([Played(BILL)] * 19), twice]))
    assert found.value == pytest.approx(64 / 1344)
    assert found.n == 21


def test_too_few_answers_are_unknown(healthy: Reading) -> None:
    """Nineteen answers are named as such."""
    scope = scope_of(healthy.tables, [Played(BILL)] * 19)
    for metric in (accounting.usage_error, accounting.overbilled_answers, accounting.underbilled_answers):
        assert metric(scope).status == "unknown"
        assert "here were 19" in metric(scope).why
    assert accounting.unbilled_answers(scope).status == "unknown"
    assert accounting.undelivered_tokens(scope).status == "unknown"


def test_a_ledger_that_is_there_and_empty(healthy: Reading) -> None:
    """A target that answers everything itself leaves no attempt: nothing is known, and nothing breaks."""
    scope = scope_of(healthy.tables, [Played(BILL, ())] * 20)
    assert scope.tables.attempts is not None
    assert scope.tables.attempts.empty
    for metric in (accounting.usage_error, accounting.overbilled_answers, accounting.underbilled_answers):
        assert "here were 0" in metric(scope).why
    assert accounting.misbilled(scope).empty
