"""The breaker's story from arrivals alone, against breakers whose every change is known."""

from __future__ import annotations

import numpy as np
import pytest

from gatebench.oracles.breaker import Arrivals, Story, read, silences, silent_requests
from tests.oracles.breaker_model import MS, Breaks, S, play


def story(knobs: Breaks, *, declared: bool = True) -> Story:
    """Return what the oracle reads from the beginning of the fault to the end of the play."""
    played = play(knobs)
    open_ns = round(knobs.open_s * S) if declared else None
    return read(
        played.arrivals, played.asked, knobs.share, round(knobs.t0_s * S), round(knobs.length_s * S), open_ns=open_ns
    )


@pytest.mark.parametrize(("failures", "open_s", "probes"), [(5, 2.0, 1), (10, 1.0, 3), (3, 4.0, 1)])
def test_the_story_is_the_breakers(failures: int, open_s: float, probes: int) -> None:
    """Opened once, probed each time the open time was over, closed at the first good verdict after the fault."""
    found = story(Breaks(failures=failures, open_s=open_s, probes=probes, failing_ms=60))
    (opening,) = found.openings
    assert (opening.last_ns or 0) < opening.at_ns < 8 * S + (failures * 10 + 200) * MS
    assert found.leaks == []
    assert all(abs(burst.open_ns / S - open_s) < 0.2 for burst in found.bursts)
    assert max(burst.probes for burst in found.bursts) == probes
    assert [burst.good for burst in found.bursts] == [False] * (len(found.bursts) - 1) + [True]
    (closing,) = found.closings
    assert 18 * S < closing < (18 + open_s + 0.3) * S


@pytest.mark.parametrize("seed", range(20))
def test_a_correct_breaker_is_never_called_faulty(seed: int) -> None:
    """Twenty seeds, fast and slow verdicts, all or most of the load: one opening, no leak, one probe at a time."""
    for failing_ms in (2.0, 50.0, 1000.0):
        for share in (1.0, 0.9):
            found = story(Breaks(seed=seed, failing_ms=failing_ms, share=share))
            assert len(found.openings) == 1
            assert not found.leaks
            assert {burst.probes for burst in found.bursts} == {1}
            assert len(found.closings) == 1


@pytest.mark.parametrize("seed", range(20))
def test_each_flaw_is_seen(seed: int) -> None:
    """A herd, a leak, a flapping, a missing half-open and a missing opening show in what they change, and only there."""
    herd = story(Breaks(seed=seed, herd=True, failing_ms=500))
    assert max(burst.probes for burst in herd.bursts) > 20
    assert (len(herd.openings), herd.leaks) == (1, [])
    leaking = story(Breaks(seed=seed, leak=0.05))
    assert len(leaking.leaks) > 20
    flapping = story(Breaks(seed=seed, closes_on_failure=True))
    assert len(flapping.openings) >= 4
    never = story(Breaks(seed=seed, half_opens=False))
    assert (len(never.openings), never.bursts, never.closings) == (1, [], [])
    assert story(Breaks(seed=seed, opens=False)).openings == []


def test_without_a_declared_open_time_nothing_is_a_leak() -> None:
    """Whoever does not say how long the breaker stays open cannot be told that something came too early."""
    found = story(Breaks(leak=0.03), declared=False)
    assert found.leaks == []
    assert len(found.bursts) > 10


@pytest.mark.parametrize(
    ("share", "requests"),
    [(1.0, 10), (0.9, 10), (0.5, 20), (0.1, 132)],  # ln 1e-6 / ln 0.5 = 19.9; ln 1e-6 / ln 0.9 = 131.1
)
def test_how_many_make_a_silence(share: float, requests: int) -> None:
    """The smaller a provider's share, the longer it may go without a request by chance."""
    assert silent_requests(share) == requests


def test_silences() -> None:
    """A request a second; arrivals up to 3 s and from 20 s on: 16 requests in between did not arrive."""
    asked = np.arange(40) * S
    arrived = np.array([0, 1, 2, 3, *range(20, 40)], np.int64) * S + MS
    (found,) = silences(arrived, asked, 1.0, 0, 40 * S)
    assert (found.last_ns, found.first_ns, found.next_ns) == (3 * S + MS, 4 * S, 20 * S + MS)
    assert found.requests == 16
    (open_end,) = silences(arrived[:4], asked, 1.0, 0, 40 * S)
    assert (open_end.next_ns, open_end.requests) == (None, 36)


def test_a_gateway_that_stands_still_is_no_open_breaker() -> None:
    """A request each 10 ms; none arrives for a fifth of a second. Those that arrive after it were held up, not refused."""
    asked = np.arange(0, 4 * S, 10 * MS)
    still = (asked >= 2 * S) & (asked < 2 * S + 200 * MS)
    held_up = np.where(still, 2 * S + 200 * MS, asked) + MS
    refused = asked[~still] + MS
    missed = asked[still]
    for arrived, never, expected in ((held_up, missed[:0], 0), (refused, missed, 1)):
        arrivals = Arrivals(arrived, arrived + 5 * MS, np.ones(len(arrived), np.bool_))
        assert len(silences(arrived, asked, 1.0, 0, 4 * S, missed_ns=never)) == expected
        assert len(read(arrivals, asked, 1.0, 0, 4 * S, open_ns=S, missed_ns=never).openings) == expected
    assert len(silences(held_up, asked, 1.0, 0, 4 * S)) == 1  # where nobody knows which requests arrived


def test_a_slow_but_complete_probe_does_not_close_it() -> None:
    """A probe that is answered, but too slowly for the breaker: the next silence goes on being the same opening."""
    asked = np.arange(0, 10 * S, 10 * MS)
    arrived = np.array([10 * MS, 20 * MS, 2 * S, 4 * S, 6 * S, *range(8 * S, 10 * S, 10 * MS)], np.int64)
    ended = arrived + 40 * MS
    found = read(Arrivals(arrived, ended, np.ones(len(arrived), np.bool_)), asked, 1.0, 0, 10 * S, open_ns=2 * S)
    assert len(found.openings) == 1
    assert [burst.good for burst in found.bursts] == [True] * 4
    assert found.closings == [8 * S + 50 * MS]  # the first arrival after the verdict
