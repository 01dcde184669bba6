"""A signal that comes while a run is taken down does not cut that short, and is not lost to the series that it belongs to."""

import os
import signal

import pytest

from gatebench.errors import Interrupted
from gatebench.experiment.making import heeding_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_taking_down_ends_the_series_afterwards(number: signal.Signals) -> None:
    """The run is taken down to its end; then the series is interrupted."""
    done = []
    with pytest.raises(Interrupted, match=f"signal {int(number)}"), heeding_signals(series=True):
        with heeding_signals() as calm:
            calm()
            os.kill(os.getpid(), number)
            done.append("taken down")
        done.append("the next run")
    assert done == ["taken down"]


def test_a_single_run_is_deaf_while_it_is_taken_down() -> None:
    """It ends as it would have; nobody waits for a next one."""
    before = signal.getsignal(signal.SIGTERM)
    with heeding_signals() as calm:
        calm()
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_between_two_runs_interrupts_the_series_at_once() -> None:
    """Nothing is being taken down then."""
    with pytest.raises(Interrupted), heeding_signals(series=True):
        with heeding_signals():
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("the signal was not heard")
