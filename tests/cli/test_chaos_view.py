"""What `bench chaos` says of a fault, and how a plan is drawn."""

import re
from typing import Any

import pytest

from gatebench.cli.chaos import _code
from gatebench.cli.chaos_view import parameters, sentence, show_status
from gatebench.cli.plot import WIDTH, timeline
from gatebench.plan import FaultStep, PlannedFault
from tests.planned import Knobs, S, make_plan

ROW: dict[str, Any] = {
    "name": "latency",
    "on": "provider-a",
    "state": "on",
    "parameters": {"latency": 300, "jitter": 0, "toxicity": 1.0},
    "from_unix": 1.0,
    "to_unix": 31.0,
    "since_unix": 1.5,
    "ended_unix": None,
    "proven": True,
    "failed": None,
}


def test_where_a_fault_stands_is_a_sentence() -> None:
    """On, to come, over, failed; proven or not."""
    assert re.fullmatch(r"latency on provider-a is on since \S+ until \S+, proven by its canaries", sentence(ROW))
    assert "NOT proven" in sentence({**ROW, "proven": False})
    assert "comes at" in sentence({**ROW, "state": "to come"})
    assert "was on from" in sentence({**ROW, "state": "over", "ended_unix": 9.0})
    assert sentence({**ROW, "state": "failed", "failed": "the engine is gone."}).endswith("failed: the engine is gone.")


def test_parameters_that_say_nothing_are_left_out() -> None:
    """The common ones at their defaults."""
    assert parameters(ROW["parameters"]) == "latency=300, jitter=0"
    assert parameters({"toxicity": 0.3, "route": "", "nth": 2}) == "toxicity=0.3, nth=2"


def fault(start_s: float, end_s: float, steps: tuple[float, ...] = ()) -> PlannedFault:
    """A fault on a minute-long axis."""
    base = make_plan(Knobs()).faults[0]
    start_ns, end_ns = round(start_s * S), round(end_s * S)
    levels = tuple(
        FaultStep(at_ns=start_ns + (end_ns - start_ns) * number // len(steps), parameters={"latency": value})
        for number, value in enumerate(steps)
    )
    return base.model_copy(update={"start_ns": start_ns, "end_ns": end_ns, "steps": levels})


def bars(*faults: PlannedFault) -> list[str]:
    """The drawn lines, without their names."""
    lines = [line.plain for line in timeline(faults, 64 * S)]
    assert all(len(line) <= 80 for line in lines)
    return [line[11:] for line in lines[1::2]]


def test_a_flap_is_drawn_as_blocks() -> None:
    """One second a column: on at 8 to 16 and 32 to 40."""
    assert WIDTH == 64
    (bar,) = bars(fault(8, 16), fault(32, 40))
    assert bar.rstrip() == " " * 8 + "█" * 8 + " " * 16 + "█" * 8


def test_a_ramp_rises_and_falls() -> None:
    """Its height is that of its parameter."""
    (up,) = bars(fault(0, 64, (0, 50, 100)))
    assert up[0] == "▁"
    assert up[-1] == "█"
    assert up == "".join(sorted(up))
    (down,) = bars(fault(0, 64, (100, 0)))
    assert down == "█" * 32 + "▁" * 32


def test_places_have_lines_of_their_own() -> None:
    """Two places, two lines."""
    other = fault(8, 16).model_copy(update={"on": "provider-b"})
    assert len(bars(fault(8, 16), other)) == 2


def test_what_never_came_is_not_said_to_have_been_on() -> None:
    """A window that was called off has no beginning."""
    assert (
        sentence({**ROW, "state": "over", "since_unix": None}) == "latency on provider-a was called off before it came"
    )


def test_a_failed_fault_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """It is not over: whatever it was to end may still be as it left it."""
    failed = {**ROW, "state": "failed", "failed": "the engine is gone.", "manual": True}
    show_status([{"name": "here", "kind": "up", "lives": True, "faults": [failed]}])
    assert "failed: the engine is gone." in capsys.readouterr().out


def test_a_fault_that_was_cleared_before_its_proof_is_no_success() -> None:
    """0 is for what canaries proved; 3 when they did not, or had no time to; 5 when the engine refused."""
    over = {**ROW, "state": "over"}
    assert [_code([{**over, "proven": proven}]) for proven in (True, False, None)] == [0, 3, 3]
    assert _code([over, {**ROW, "state": "failed", "proven": None}]) == 5
