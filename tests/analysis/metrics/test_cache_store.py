"""What comes upstream when a store is back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gatebench.analysis.metrics.cache_store import refill_burst
from tests.analysis.conftest import Read, Reading


def test_without_a_cache_nothing_bursts(healthy: Reading) -> None:
    """Every request reaches a provider before and after: the ratio is 1."""
    (outage,) = healthy.tables.outages
    assert refill_burst(healthy.tables, outage).value == 1.0


def test_a_cache_that_lost_everything_asks_again(healthy: Reading) -> None:
    """A tenth of the baseline's requests reached a provider, and all of those of the first second after it: ten times as many."""
    tables = healthy.tables
    samples = tables.samples.copy()
    in_baseline = samples["label"] == "baseline"
    samples.loc[in_baseline & (samples["arrival_id"] % 10 > 0), "attempts"] = 0
    (outage,) = tables.outages
    found = refill_burst(replace(tables, samples=samples), outage)
    assert found.value == pytest.approx(10, rel=0.02)
    assert "100% of requests reached a provider in the worst second" in found.why


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"baseline_s": 2.0}, "it takes 3 s of baseline"),
        ({"rate_per_s": 10.0, "baseline_s": 6.0}, "holds 20 requests"),
        ({"evidence": "no-ledger", "provider_streams": ()}, "ledger"),
    ],
)
def test_thin_data_is_unknown(reading: Read, knobs: dict[str, object], words: str) -> None:
    """Never 0."""
    tables = reading(**knobs).tables
    found = refill_burst(tables, tables.outages[0])
    assert (found.status, found.value) == ("unknown", None)
    assert words in found.why
