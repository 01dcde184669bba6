"""False refusals, replays, fairness and waits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gatebench.oracles.limiter.fairness import jain
from gatebench.oracles.limiter.limit import Limit, limit_of
from gatebench.oracles.limiter.refusals import false_refusals, false_refusals_in_flight
from gatebench.oracles.limiter.replaying import quota_error, replayed
from gatebench.oracles.limiter.spans import Spans
from gatebench.oracles.limiter.waiting import bias_s, earliest_ns
from tests.oracles.limiter.traffic import EXACT, MS, S, blurred, bursts, flights, poisson, seen

BUCKET = Limit("token-bucket", 10, S, 20)


@pytest.mark.parametrize("limit", EXACT, ids=lambda limit: limit.algorithm)
@pytest.mark.parametrize("seed", range(8))
def test_a_correct_gateway_refuses_nobody_falsely(limit: Limit, seed: int) -> None:
    """Whatever the network adds, and wherever its windows lie."""
    for at_ns in (poisson(40, 20, seed), poisson(11, 20, seed), bursts(0.7, 25, 15, seed)):
        what = seen(limit, at_ns, seed, phase_ns=seed * 77 * MS)
        assert not false_refusals(limit, what.passed, what.refused).any()


@pytest.mark.parametrize("limit", EXACT, ids=lambda limit: limit.algorithm)
def test_refusals_out_of_nowhere_are_found(limit: Limit) -> None:
    """Far below the limit nobody may be refused; nearly all of those who are, at random, are found."""
    at_ns = poisson(3, 60, 7)
    admitted = np.random.default_rng(7).random(len(at_ns)) > 0.1
    what = blurred(at_ns, admitted, 7)
    found = false_refusals(limit, what.passed, what.refused)
    assert found.sum() >= 0.9 * (~admitted).sum()


def test_false_refusals_in_flight() -> None:
    """A refusal while all places are taken is right, one while most are free is not."""
    at_ns = poisson(60, 10, 6)
    admitted = flights(4, at_ns, 100 * MS)
    released = at_ns[admitted] + 101 * MS
    refused = blurred(at_ns, admitted, 1).refused
    assert not false_refusals_in_flight(4, at_ns[admitted] - MS, released, refused).any()
    alone = Spans.of(np.array([30 * S]), np.array([30 * S + MS]))
    assert false_refusals_in_flight(4, at_ns[admitted] - MS, released, alone).all()


@pytest.mark.parametrize("limit", EXACT, ids=lambda limit: limit.algorithm)
def test_the_replay_of_a_correct_gateway_is_what_it_admitted(limit: Limit) -> None:
    """To a request, from blurred moments; for windows at least not more, as the most favourable place counts."""
    at_ns = poisson(20, 60, 9)
    what = seen(limit, at_ns, 9, phase_ns=345 * MS)
    there, wanted = int(what.admitted.sum()), int(replayed(limit, what.spans).sum())
    assert wanted - there <= 1
    if limit.algorithm in ("token-bucket", "gcra"):
        assert abs(wanted - there) <= 1


@pytest.mark.parametrize("limit", EXACT, ids=lambda limit: limit.algorithm)
def test_a_quota_is_exact_or_it_is_not(limit: Limit) -> None:
    """A correct gateway is off by at most two; one that lets one more in, in each of sixty periods, by at least ten."""
    at_ns = poisson(20, 60, 9)
    right, wrong = seen(limit, at_ns, 9, phase_ns=345 * MS), seen(replace(limit, limit=11), at_ns, 9, phase_ns=345 * MS)
    assert quota_error(limit, right.spans, right.admitted) <= 2
    assert quota_error(limit, wrong.spans, wrong.admitted) >= 10


def test_jain() -> None:
    """1 for equals, 0.8 when one of five has nothing, 1/n when one has everything, nothing of nothing."""
    assert jain([1, 1, 1, 1, 1]) == pytest.approx(1.0)
    assert jain([1, 1, 1, 1, 0]) == pytest.approx(0.8)
    assert jain([0, 7, 0, 0]) == pytest.approx(0.25)
    assert jain([0, 0]) is None


def test_the_wait_of_a_bucket() -> None:
    """Twenty at once, then refused: a token is there after 100 ms, known as well as the moments are."""
    admitted = Spans.of(np.zeros(20), np.full(20, 2 * MS))
    least, most = earliest_ns(BUCKET, admitted, 10 * MS, 12 * MS)
    assert (least, most) == (88 * MS, 92 * MS)
    assert earliest_ns(Limit("fixed-window", 10, S), admitted, 0, 0) == (0, S)


@pytest.mark.parametrize(
    ("says_s", "least_s", "most_s", "expected"),
    [
        (1, 0.09, 0.1, 0.0),  # rounded up
        (0, 0.09, 0.1, -0.09),  # too early
        (1, 1.4, 1.5, -0.4),
        (2, 1.4, 1.5, 0.0),
        (5, 1.4, 1.5, 3.0),  # three whole seconds too late
        (1, 0.0, 0.0, 0.0),
    ],
)
def test_bias(says_s: int, least_s: float, most_s: float, expected: float) -> None:
    """Rounding up to whole seconds is no bias; too early and too late are."""
    assert bias_s(says_s, round(least_s * S), round(most_s * S)) == pytest.approx(expected)


def test_what_is_declared() -> None:
    """Names, numbers and tiers as targets and scenarios write them."""
    declared = {"algorithm": "token-bucket", "rate": 10, "period": "1s", "burst": 20}
    assert limit_of(declared) == BUCKET
    assert limit_of({**declared, "tiers": "free=100/10s,unlimited"}, "free") == Limit("token-bucket", 100, 10 * S, 100)
    assert limit_of({**declared, "tiers": "free=100/10s,unlimited"}, "unlimited") is None
    assert limit_of({"algorithm": "off", "rate": 10}) is None
    assert limit_of({"algorithm": "gcra", "rate": 0}) is None
    assert limit_of({"algorithm": "fixed-window", "rate": "5", "period": "2s", "burst": 9}) == Limit(
        "fixed-window", 5, 2 * S
    )


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ({"algorithm": "leaky", "rate": 5}, "no algorithm"),
        ({"algorithm": "gcra", "rate": -1}, "admits nobody"),
        ({"algorithm": "gcra", "rate": "ten"}, "no number"),
        ({"algorithm": "gcra", "rate": 0.5}, "whole number"),
        ({"algorithm": "gcra", "rate": 5, "counts": "bytes"}, "cannot be counted"),
        ({"algorithm": "gcra", "rate": 5, "tiers": "free=many"}, "no tier"),
    ],
)
def test_what_cannot_be_understood_is_said(declared: dict[str, object], says: str) -> None:
    """In a sentence."""
    with pytest.raises(ValueError, match=says):
        limit_of(declared, "free")
