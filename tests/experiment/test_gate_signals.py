"""A signal that comes while a run is taken down does not cut that short, and is not lost to the series that it belongs to."""

import os
import signal
from pathlib import Path
from typing import NoReturn

import pytest

from gatebench.errors import Interrupted
from gatebench.experiment.making import heeding_signals, read
from tests.factory import make_run


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


def stopped(*_: object) -> NoReturn:
    """Stand in for what is measured, judged or drawn while somebody wants to stop."""
    os.kill(os.getpid(), signal.SIGTERM)
    raise AssertionError("the signal was not heard")


@pytest.mark.parametrize(
    "place", ["analysis.metrics.latency._there", "analysis.checks.judging._judge", "analysis.report.page.Page._ask"]
)
def test_a_signal_while_a_run_is_read_is_not_taken_for_a_defect(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes wrong in a metric, a check or a section is said there, and the rest goes on; somebody who wants to stop is no defect."""
    folder = make_run(tmp_path)
    monkeypatch.setattr(f"gatebench.{place}", stopped)
    with pytest.raises(Interrupted), heeding_signals():
        read(folder)
