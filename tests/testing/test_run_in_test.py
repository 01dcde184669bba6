"""`gatebench.run()` makes what was asked for, or says everything that is wrong; a run that is no measurement raises."""

from __future__ import annotations

import fcntl
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from gatebench.errors import EnvironmentFailure, Interrupted
from gatebench.experiment import making
from gatebench.plan import Plan
from gatebench.run.folder import RunFolder
from gatebench.testing import BadRequest, Gatebench, RunFailed, RunResult
from tests.testing.conftest import Faking


def test_a_run_is_returned_with_its_folder(bench: Gatebench, faking: Faking, good: RunResult) -> None:
    """What was asked for is what is planned, and the command that repeats it is in the record."""
    asked = faking(good)
    result = bench.run("smoke", target="reference", seed=9, rate=20, settings={"breaker_failures": 3})
    assert result == good
    ((plan, out, how),) = asked
    assert (plan.scenario, plan.target.name, plan.seed) == ("smoke", "reference", 9)
    assert plan.target.settings["breaker_failures"] == 3
    assert out == bench.out
    assert how.command[:5] == ["bench", "run", "smoke", "--target", "reference"]


def test_every_problem_is_said_at_once(bench: Gatebench, faking: Faking, good: RunResult) -> None:
    """Scenario, target, engine and a key in plain: four sentences, and nothing is started."""
    asked = faking(good)
    with pytest.raises(BadRequest) as raised:
        bench.run("smok", target="refrence", engine="warp", headers={"authorization": "Bearer abc"})
    told = str(raised.value)
    assert told.startswith("4 problems; nothing was started.\n")
    for words in ('Did you mean "smoke"?', 'Did you mean "reference"?', "warp", "holds its value in plain"):
        assert words in told
    assert "Bearer abc" not in told
    assert asked == []
    assert not bench.out.exists()


def test_an_option_of_the_wrong_kind_does_not_hide_the_rest(bench: Gatebench, faking: Faking, good: RunResult) -> None:
    """Nor does a marker's option that nobody knows."""
    asked = faking(good)
    bench.marked = lambda: {"sede": 3}
    with pytest.raises(BadRequest) as raised:
        bench.run("smok", target="reference", workers="many")  # type: ignore[arg-type]  # the mistake is the point
    told = str(raised.value)
    assert "@pytest.mark.gatebench" in told
    assert "sede" in told
    assert "workers" in told
    assert 'Did you mean "smoke"?' in told
    assert asked == []


def test_a_measurement_that_cannot_be_trusted_is_no_result(bench: Gatebench, faking: Faking, sick: RunResult) -> None:
    """It raises with its reasons, before anything is asserted on its numbers; the folder is noted all the same."""
    faking(sick)
    noted: list[Path] = []
    bench.made = lambda folder, verdict, result: noted.append(folder)
    with pytest.raises(RunFailed, match="cannot be trusted") as raised:
        bench.run("smoke", target="reference")
    assert sick.summary.reasons[0] in str(raised.value)
    assert str(sick.folder) in str(raised.value)
    assert noted == [sick.folder]


def test_a_sick_run_is_returned_to_whoever_asks_for_it(bench: Gatebench, faking: Faking, sick: RunResult) -> None:
    """And it has not passed."""
    faking(sick)
    result = bench.run("smoke", target="reference", keep_invalid=True)
    assert result.verdict == "invalid"
    assert not result.passed


def test_a_gateway_that_does_not_start_shows_its_last_lines(bench: Gatebench, faking: Faking) -> None:
    """As the command line does."""
    faking(None, 5, EnvironmentFailure("gateway ended with exit code 3", ["config line 7: no such directive"]))
    with pytest.raises(RunFailed, match="gateway ended with exit code 3\n  │ config line 7: no such directive"):
        bench.run("smoke", target="reference")


def test_an_interrupted_run_ends_the_session(bench: Gatebench, faking: Faking, good: RunResult) -> None:
    """No test after it is begun; what was measured is kept."""
    faking(good, 130, Interrupted("signal 2"))
    with pytest.raises(KeyboardInterrupt, match="was interrupted") as raised:
        bench.run("smoke", target="reference")
    assert str(good.folder) in str(raised.value)


def test_a_thread_cannot_make_a_run(bench: Gatebench, faking: Faking, good: RunResult) -> None:
    """Signals reach the main thread only, so Ctrl-C could not end it."""
    asked = faking(good)
    found: list[BaseException] = []

    def ask() -> None:
        try:
            bench.run("smoke", target="reference")
        except BadRequest as error:
            found.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert "is called in a thread" in str(found[0])
    assert asked == []


def test_sockets_that_gevent_replaced_are_refused(
    bench: Gatebench, faking: Faking, good: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Importing locust in the same process does that; a run on them would wait for itself."""
    asked = faking(good)
    monkeypatch.setitem(sys.modules, "gevent.monkey", SimpleNamespace(saved={"socket": {}}))
    with pytest.raises(BadRequest, match="sockets replaced by gevent"):
        bench.run("smoke", target="reference")
    assert asked == []


def test_a_folder_that_cannot_be_written_is_a_problem(bench: Gatebench, faking: Faking, good: RunResult) -> None:
    """Found before anything starts."""
    asked = faking(good)
    bench.out.write_text("a file stands here")
    with pytest.raises(BadRequest, match="cannot be written"):
        bench.run("smoke", target="reference")
    assert asked == []


def test_one_run_is_made_at_a_time(bench: Gatebench, monkeypatch: pytest.MonkeyPatch, good: RunResult) -> None:
    """Two runs beside each other would measure each other: while one is made, nobody else gets the place."""
    others: list[str] = []

    def make(plan: Plan, out: Path, how: making.Making) -> making.Made:
        with (out / ".one-run-at-a-time").open("w") as place:
            try:
                fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                others.append("waits")
            else:
                others.append("got in")
        return making.Made(RunFolder(good.folder), good.summary, 0)

    monkeypatch.setattr(making, "make", make)
    bench.run("smoke", target="reference")
    bench.run("smoke", target="reference")
    assert others == ["waits", "waits"]
