"""Attempts by request: duplicates, amplification, and calls to a provider that is down."""

from __future__ import annotations

import pytest

from tests.analysis.conftest import Read, Reading


def test_healthy_run_executes_once(healthy: Reading) -> None:
    """A failover after a dropped attempt is a second attempt, but no second execution."""
    assert healthy.value("duplicate_execution").value == 0.0
    assert (healthy.value("amplification", "fault").value or 0) > 1.0
    assert healthy.value("amplification", "baseline").value == 1.0


def test_duplicates_are_counted(reading: Read) -> None:
    """Requests with two completed attempts, by all requests."""
    value = reading(duplicates=3).value("duplicate_execution")
    assert value.value == pytest.approx(3 / value.n)
    assert value.why == f"3 of {value.n} requests"


def test_amplification_counts_attempts(reading: Read) -> None:
    """With the breaker never opening every request of the fault takes two attempts."""
    read = reading(breaker_failures=10_000)
    assert read.value("amplification", "fault").value == pytest.approx(2.0, abs=0.01)
    assert read.value("amplification_peak").value == pytest.approx(2.0, abs=0.01)
    assert read.value("amplification").value == pytest.approx(
        1 + read.value("amplification", "fault").n / read.value("amplification").n, abs=0.01
    )


def test_attempts_on_the_faulty_provider(reading: Read) -> None:
    """What reached the broken provider while it was broken; a breaker makes it few."""
    closed = reading(breaker_failures=10_000).value("attempts_on_faulty_provider").value
    opened = reading().value("attempts_on_faulty_provider").value
    assert closed is not None
    assert opened is not None
    assert opened < closed / 10


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"provider_streams": ("provider-a",)}, "ledger is not there in full"),
        ({"killed_at_s": 12.0}, "ledger is not there in full"),  # a torn ledger may lack the second execution
        ({"evidence": "no-ledger", "provider_streams": ()}, "ledger is not there in full"),
        ({"foreign_attempts": 200}, "request ids do not reach the providers"),
    ],
)
def test_without_a_whole_ledger_it_is_unknown(reading: Read, knobs: dict[str, object], words: str) -> None:
    """No ledger is not the same as no duplicates."""
    for name in ("duplicate_execution", "amplification", "amplification_peak"):
        value = reading(**knobs).value(name)
        assert (value.status, value.value) == ("unknown", None)
        assert words in value.why


def test_invisible_attempts_are_unknown(reading: Read) -> None:
    """Under a link that is down attempts fail before a provider sees them: where that was so they are not counted."""
    read = reading(attempts_visible=False)
    for name, phase in (("amplification", "fault"), ("amplification", None), ("attempts_on_faulty_provider", None)):
        assert read.value(name, phase).status == "unknown"
        assert "before a provider sees them" in read.value(name, phase).why
    assert read.value("amplification", "baseline").value == 1.0
    assert read.value("duplicate_execution").value == 0.0  # a completed attempt has reached its provider


def test_busy_seconds_only(reading: Read) -> None:
    """The worst second is one with enough requests to mean something."""
    assert "no second holds 20 requests" in reading(rate_per_s=10.0).value("amplification_peak").why
