"""Bursts of fetches: who could have shared one."""

from __future__ import annotations

import numpy as np

from gatebench.oracles.cache import Burst, Fetches, bursts

A, B = 1, 2


def fetches(*rows: tuple[int, int, int, bool]) -> Fetches:
    """Return attempts from (key, arrived, ended, good)."""
    keys, arrived, ended, good = zip(*rows, strict=True)
    return Fetches(np.array(keys), np.array(arrived), np.array(ended), np.array(good))


def of(found: Fetches, *asked: tuple[int, int]) -> list[tuple[int, int, int, int, int]]:
    """Return key, start, end, attempts and requests of each burst; `asked` are (key, sent)."""
    keys, sent = zip(*asked, strict=True)
    return [
        (burst.key, burst.start_ns, burst.end_ns, burst.attempts, burst.requests)
        for burst in bursts(found, np.array(keys), np.array(sent))
    ]


def test_one_fetch_for_three_requests() -> None:
    """Sent at 0, fetched from 1 to 11; those of 5 and 10 could share it, that of 11 finds it done."""
    assert of(fetches((A, 1, 11, True)), (A, 0), (A, 5), (A, 10), (A, 11)) == [(A, 1, 11, 1, 3)]


def test_three_fetches_where_one_would_do() -> None:
    """A stampede ends with the first good answer: what arrives later is another expiry's."""
    found = fetches((A, 1, 11, True), (A, 6, 16, True), (A, 10, 20, True), (A, 11, 21, True))
    assert of(found, (A, 0), (A, 5), (A, 9), (A, 10)) == [(A, 1, 11, 3, 4), (A, 11, 21, 1, 1)]


def test_keys_do_not_share() -> None:
    """Fetches of two keys at once are two bursts, each of one."""
    found = fetches((A, 1, 11, True), (B, 2, 12, True))
    assert of(found, (A, 0), (B, 1)) == [(A, 1, 11, 1, 1), (B, 2, 12, 1, 1)]


def test_a_failed_fetch_is_no_answer() -> None:
    """After an error at 5 nobody has the answer; the fetch that overlaps it belongs to it, one after both does not."""
    found = fetches((A, 1, 5, False), (A, 4, 9, True), (A, 9, 12, True))
    assert of(found, (A, 0), (A, 3), (A, 8)) == [(A, 1, 9, 2, 3), (A, 9, 12, 1, 1)]
    assert of(fetches((A, 1, 5, False), (A, 6, 8, False)), (A, 0), (A, 5)) == [(A, 1, 5, 1, 1), (A, 6, 8, 1, 1)]


def test_contested_is_what_could_be_shared() -> None:
    """A fetch that nobody else waited for says nothing of coalescing."""
    assert not Burst(A, 0, 1, 1, (0,)).contested
    assert Burst(A, 0, 1, 2, (0,)).contested
