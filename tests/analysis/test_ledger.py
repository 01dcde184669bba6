"""The books: each way in which they can fail to balance is named, and nothing else unbalances them."""

from __future__ import annotations

import pytest

from tests.analysis.conftest import Read, Reading


def test_healthy_books_balance(healthy: Reading) -> None:
    """scheduled = sent + unsent, every arrival has one row, and both ends of the wire agree."""
    books = healthy.ledger
    due = healthy.tables.plan.schedule().due_ns
    assert books.balances
    assert books.scheduled == len(due) == books.sent == books.ok
    assert (books.missing, books.doubled, books.unsent_pool, books.unsent_generator, books.unsent_stopped) == (0,) * 5
    assert books.attempts == books.attempts_joined
    assert books.attempts_foreign == books.answers_unjoined == 0
    assert books.answers_joined == books.ok
    assert books.client_resends == 0
    assert books.causes == {}


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"missing": 2}, "2 arrivals that were due have no row:"),
        ({"missing": 1}, "1 arrival that was due has no row:"),
        ({"doubled": 1}, "1 arrival has a row too many:"),
        ({"shifted": 1}, "1 arrival was due at another time than the schedule says:"),
        ({"ghost_stamps": 2}, "The stamps of 2 answers name an attempt that no ledger holds."),
        ({"resends": 1, "direct": True, "failover": False}, "The client put 1 request on the wire more than once."),
        ({"written_twice": 2}, "The client put 2 requests on the wire more than once."),
    ],
)
def test_imbalance_is_named(reading: Read, knobs: dict[str, object], words: str) -> None:
    """What is wrong stands in words, with the arrivals it concerns, and the run is invalid for it."""
    read = reading(**knobs)
    assert not read.ledger.balances
    assert any(words in sentence for sentence in read.ledger.sentences)
    assert "books" in read.invalid


@pytest.mark.parametrize(
    ("knobs", "field", "count"),
    [
        ({"unsent_pool": 3}, "unsent_pool", 3),
        ({"unsent_generator": 3}, "unsent_generator", 3),
        ({"lost": 2}, "error", 2),
        ({"rejected": 4}, "rejected", 4),
        ({"foreign_attempts": 3}, "attempts_foreign", 3),
        ({"direct": True}, "client_resends", 0),
    ],
)
def test_what_the_target_does_does_not_unbalance_the_books(
    reading: Read, knobs: dict[str, object], field: str, count: int
) -> None:
    """Rows that were not sent, errors and attempts of strangers are counted in their column, and the books balance."""
    books = reading(**knobs).ledger
    assert getattr(books, field) == count
    assert books.balances
    assert books.scheduled == books.sent + books.unsent_pool + books.unsent_generator + books.unsent_stopped
    assert books.sent == books.ok + books.rejected + books.error + books.timeout + books.in_flight


def test_resends_are_unknown_when_nobody_counted(reading: Read) -> None:
    """At a gateway, without the client's own count, a second arrival may be the gateway's retry: null, not 0."""
    assert reading(killed_at_s=6.7).ledger.client_resends is None
    assert reading(killed_at_s=6.7, direct=True).ledger.client_resends == 0


def test_causes_are_counted(reading: Read) -> None:
    """Rows that did not end well are counted by cause."""
    assert reading(lost=2, truncated=3).ledger.causes == {"status": 2, "truncated": 3}


def test_interrupted_run_owes_only_what_was_due_by_then(reading: Read) -> None:
    """After a stop the schedule is cut where each worker stopped, so an interrupted run's books balance."""
    books = reading(stopped_at_s=6.0, workers=2).ledger
    assert books.balances
    assert books.in_flight > 0
    assert books.scheduled == books.sent < 1400


def test_killed_run_owes_everything(reading: Read) -> None:
    """Nobody wrote down where a killed run stopped, so every arrival without a row is missing."""
    books = reading(killed_at_s=6.7).ledger
    assert not books.balances
    assert books.missing == books.scheduled - books.sent > 1000


def test_no_ledger_leaves_nulls(reading: Read) -> None:
    """Without a ledger its columns are null, not 0, and the books of the client still balance."""
    books = reading(evidence="no-ledger", provider_streams=()).ledger
    assert books.balances
    assert books.attempts is None
    assert books.answers_joined is None
    assert "There is no ledger of the providers." in books.sentences
