"""Durations, rates and sizes are read as people write them, and wrong ones are named."""

import pytest

from gatebench.units import duration_s, human_duration, rate_per_s, size_bytes


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("30s", 30.0), ("2m", 120.0), ("1.5s", 1.5), ("1h", 3600.0), ("20us", 20e-6), (" 3 s ", 3.0)],
)
def test_durations(text: str, seconds: float) -> None:
    """A number with a unit is that many seconds."""
    assert duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize(("text", "rate"), [("200/s", 200.0), ("30/m", 0.5), ("3600/h", 1.0), ("0.5/s", 0.5)])
def test_rates(text: str, rate: float) -> None:
    """A number per unit of time is that many a second."""
    assert rate_per_s(text) == pytest.approx(rate)


@pytest.mark.parametrize(("text", "size"), [("64KB", 64_000), ("64KiB", 65_536), ("1MB", 10**6), ("12B", 12)])
def test_sizes(text: str, size: int) -> None:
    """KB is a thousand bytes, KiB is 1024."""
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "10", "10 seconds", "-5s", "s", "1e3s", "nan s"])
def test_what_is_no_duration_is_named(text: str) -> None:
    """The message quotes what was written and shows how to write it."""
    with pytest.raises(ValueError, match="is not a duration; write a number with its unit"):
        duration_s(text)


@pytest.mark.parametrize("text", ["200", "200/week", "-1/s", "fast"])
def test_what_is_no_rate_is_named(text: str) -> None:
    """The message quotes what was written and shows how to write it."""
    with pytest.raises(ValueError, match="is not a rate; write a number per unit of time"):
        rate_per_s(text)


def test_what_is_no_size_is_named() -> None:
    """The message shows how to write a size."""
    with pytest.raises(ValueError, match="is not a size"):
        size_bytes("big")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0005, "500 µs"), (0.0123, "12.3 ms"), (2.0, "2 s"), (90.0, "90 s"), (180.0, "3 min")]
)
def test_durations_for_people(seconds: float, text: str) -> None:
    """The unit follows the size of the number."""
    assert human_duration(seconds) == text
