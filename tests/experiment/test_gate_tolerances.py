"""What a gate tolerates: whose word counts, and what this machine's own noise cannot show."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatebench.comparing.tolerance import Tolerance
from gatebench.content import Content
from gatebench.errors import Problem
from gatebench.experiment.gate import Order, prepare
from gatebench.experiment.noise import Noise, Series, save_noise
from gatebench.experiment.tolerances import Said, under_the_noise
from gatebench.experiment.versions import Version
from tests.gate_rounds import noise

PHASES = ["baseline"]
SAID = Said(["p95=5%"], [], ["p95=9%", "p50=7%"])


def measured(spread: float) -> Noise:
    """Return what `bench aa` would have saved: 40 pairs of p95 with this spread, in the phase baseline."""
    first, second = (list(map(float, (40 * level for level in noise(seed, 40, spread)))) for seed in (3, 4))
    series = Series(
        metric="response_p95_ms",
        phase="baseline",
        title="Response p95",
        unit="ms",
        better="lower",
        first=list(first),
        second=list(second),
    )
    return Noise(scenario="smoke", target="reference", series=[series])


def test_the_command_line_goes_over_the_rest_metric_by_metric() -> None:
    """p95 is the command line's, p50 the table's."""
    assert [str(one) for one in SAID.read(PHASES, False, [])] == ["response_p95_ms=5%", "response_p50_ms=7%"]


def test_the_baseline_goes_before_the_workspace() -> None:
    """A change that edits pyproject.toml is judged by what was saved."""
    said = Said([], ["p50=1%"], ["p50=90%"])
    assert [str(one) for one in said.read(PHASES, False, [])] == ["response_p50_ms=1%"]


def test_without_any_word_the_defaults_hold() -> None:
    """p50, p95, errors."""
    assert len(Said().read(PHASES, False, [])) == 3


def test_the_command_line_changes_one_of_the_defaults_and_keeps_the_others() -> None:
    """Whoever allows p95 more still wants to know of errors; a table is the whole list."""
    assert [str(one) for one in Said(["p95=10%"]).read(PHASES, False, [])] == [
        "response_p95_ms=10%",
        "response_p50_ms=5%",
        "error_share=0.005",
    ]
    assert [str(one) for one in Said([], [], ["p95=10%"]).read(PHASES, False, [])] == ["response_p95_ms=10%"]


def test_what_is_said_twice_or_of_no_phase_is_refused() -> None:
    """Each with its place."""
    problems: list[Problem] = []
    Said(["p95=5%", "p95=6%", "p50@nowhere=1%"], [], ["nonsense=1%"]).read(PHASES, False, problems)
    said = "\n".join(map(str, problems))
    assert "response_p95_ms is given twice" in said
    assert "there is no phase nowhere" in said
    assert "pyproject.toml [tool.gatebench.gate] nonsense=1%: there is no metric nonsense" in said


def test_a_tolerance_under_the_noise_is_refused_with_what_would_do() -> None:
    """At a spread of 10 % nobody can hold 2 %; the tolerance that is named would have been taken."""
    (problem,) = under_the_noise(measured(0.1), [Tolerance("response_p95_ms", relative=0.02)], PHASES, 10)
    assert "lies under the noise of this machine" in problem.what
    enough = float(problem.cure.partition("Tolerate ")[2].partition(" %")[0]) / 100
    assert 0.02 < enough < 0.3
    assert under_the_noise(measured(0.1), [Tolerance("response_p95_ms", relative=enough)], PHASES, 10) == []


def test_a_tolerance_above_the_noise_and_one_that_was_never_measured_are_taken() -> None:
    """What is not known refuses nothing."""
    tolerances = [Tolerance("response_p95_ms", relative=0.05), Tolerance("response_p50_ms", relative=0.0001)]
    assert under_the_noise(measured(0.005), tolerances, PHASES, 10) == []


def test_more_pairs_allow_a_finer_tolerance() -> None:
    """As the cure says."""
    tolerance = [Tolerance("response_p95_ms", relative=0.08)]
    assert under_the_noise(measured(0.1), tolerance, PHASES, 6)
    assert not under_the_noise(measured(0.1), tolerance, PHASES, 100)


@pytest.mark.parametrize("spread", [0.2, 0.001])
def test_a_gate_asks_the_noise_of_its_workspace(tmp_path: Path, spread: float) -> None:
    """Nothing is started when the tolerance lies under it."""
    found = measured(spread)
    save_noise(tmp_path, found)
    content = Content()
    order = Order(
        scenario="smoke",
        base=Version("base", "reference"),
        head=Version("head", "reference"),
        contents={"base": content, "head": content},
        pairs=10,
        seed=1,
        said=Said(),
    )
    problems: list[Problem] = []
    prepared = prepare(order, tmp_path, problems)
    assert (prepared is None) == (spread > 0.05)
    assert ("under the noise" in "\n".join(map(str, problems))) == (spread > 0.05)


def test_noise_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    """From another machine: it refuses nothing, and is not silently left out."""
    found = measured(0.2)
    found.machine = {**found.machine, "cores": 999}
    save_noise(tmp_path, found)
    content = Content()
    sides = {"base": content, "head": content}
    order = Order("smoke", Version("base", "reference"), Version("head", "reference"), sides, 10, 1, Said())
    prepared = prepare(order, tmp_path, [])
    assert prepared is not None
    assert "from another machine" in prepared.notes[0]
