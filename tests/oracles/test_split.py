"""The shares of variants: what is configured, what chance allows, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest

from gatebench.oracles.split import shares, worst_deviation


def test_weights_become_shares() -> None:
    """Weights are relative; a variant may have none."""
    assert shares({"a": 90, "b": 10}) == {"a": 0.9, "b": 0.1}
    assert shares({"a": 3, "b": 1, "c": 0}) == {"a": 0.75, "b": 0.25, "c": 0.0}


def test_the_exact_split_deviates_by_nothing() -> None:
    """900 and 100 of 1 000 at 90 to 10: no difference, an interval from 0, nothing beyond chance."""
    found = worst_deviation({"a": 900, "b": 100}, {"a": 0.9, "b": 0.1})
    assert found.difference == pytest.approx(0)
    assert found.judged.low == 0
    assert 0 < found.shown.high < found.judged.high
    assert found.beyond == 0


def test_a_variant_that_got_nothing_or_was_not_configured() -> None:
    """At 100 to 0 a single request in the wrong place is beyond chance; a variant unheard of is one with the share 0."""
    assert worst_deviation({"a": 1000}, {"a": 1.0}).beyond == 0
    found = worst_deviation({"a": 999, "b": 1}, {"a": 1.0})
    assert found.beyond > 0
    assert worst_deviation({"a": 1000}, {"a": 0.5, "b": 0.5}).beyond > 0.4


def test_twelve_percent_instead_of_ten_is_found_with_six_thousand_requests() -> None:
    """At n = 6 000 and alpha = 0.001 at each end, 12 % is told from 10 % in at least 19 of 20 draws, and 10 % is taken for
    something else no more often than that.
    """
    generator = np.random.default_rng(12)
    configured = {"a": 0.9, "b": 0.1}

    def beyond(share: float) -> float:
        canary = int(generator.binomial(6000, share))
        return worst_deviation({"a": 6000 - canary, "b": canary}, configured).beyond

    assert sum(beyond(0.12) > 0 for _ in range(200)) >= 190
    assert sum(beyond(0.10) > 0 for _ in range(3000)) <= 3000 * 0.002
