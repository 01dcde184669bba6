"""The noise that is kept: what it says of a tolerance, and when it says nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gatebench.comparing.line import Measure
from gatebench.comparing.looks import plan_looks
from gatebench.comparing.simulation import simulate
from gatebench.comparing.tolerance import Tolerance
from gatebench.experiment.noise import Noise, Series, load_noise, noise_path, rounded, save_noise


def p95(tolerated: float = 0.05, phase: str | None = "baseline") -> Measure:
    """The p95 with a tolerance."""
    return Measure("response_p95_ms", "", "ms", "lower", phase, Tolerance("response_p95_ms", relative=tolerated))


ERRORS = Measure("error_share", "", "share", "lower", "baseline", Tolerance("error_share", absolute=0.005))


def noise(sd: float = 0.02, rows: int = 400, pairs: int = 40) -> Noise:
    """Noise of a p95 and of errors that never happen."""
    first, second = 50 * np.exp(np.random.default_rng(1).normal(0, sd, (2, pairs)))
    times = Series(
        metric="response_p95_ms",
        phase="baseline",
        title="p95",
        unit="ms",
        better="lower",
        first=rounded(list(first)),
        second=rounded(list(second)),
    )
    zeros: list[float | None] = [0.0] * pairs
    errors = Series(
        metric="error_share",
        phase="baseline",
        title="Errors",
        unit="share",
        better="lower",
        first=zeros,
        second=zeros,
        rows=[rows] * pairs,
    )
    return Noise(scenario="smoke", target="reference", pair_s=[12.0] * pairs, series=[times, errors])


def test_four_of_five_unchanged_gates_pass_at_the_floor() -> None:
    """Gates with the floor as their tolerance let 80 % pass; with half of it, few."""
    kept = noise()
    floor = kept.floor(p95(), 10)
    assert floor is not None
    passed = []
    for tolerated in (np.expm1(floor), np.expm1(floor / 2)):
        rounds = kept.of(p95(float(tolerated)))
        assert rounds is not None
        passed.append(simulate(rounds, plan_looks(10), 4000, 9).passes / 4000)
    assert passed[0] == pytest.approx(0.8, abs=0.03)
    assert passed[1] < 0.5


def test_the_floor_falls_with_pairs_and_rises_with_noise() -> None:
    """More pairs know more; twice the noise needs twice the tolerance."""
    few, many = noise().floor(p95(), 10), noise().floor(p95(), 40)
    loud = noise(0.04).floor(p95(), 10)
    assert few is not None
    assert many is not None
    assert loud is not None
    assert many < 0.6 * few
    assert loud == pytest.approx(2 * few, rel=0.1)


def test_shares_without_an_event_have_a_floor_too() -> None:
    """No error among few requests leaves room for some: fewer requests, more room."""
    many, few = noise(rows=4000).floor(ERRORS, 10), noise(rows=40).floor(ERRORS, 10)
    assert many is not None
    assert few is not None
    assert 0 < many < 0.001
    assert few > 0.005


def test_what_was_not_measured_has_no_floor() -> None:
    """Another phase, too few pairs, another unit: None, never 0."""
    assert noise().floor(p95(phase="fault"), 10) is None
    assert noise(pairs=7).floor(p95(), 10) is None
    other = Measure("response_p95_ms", "", "s", "lower", "baseline", Tolerance("response_p95_ms", relative=0.05))
    assert noise().floor(other, 10) is None
    assert noise().margin(p95(phase="fault")) is None


def test_the_margin_knows_the_instruments() -> None:
    """0.1 % of 50 ms are 0.05 ms, less than our 0.2 ms: those stand."""
    assert noise().margin(p95(0.001)) == pytest.approx(np.log1p(0.2 / 50), rel=0.02)


def test_it_is_kept_and_found_again(tmp_path: Path) -> None:
    """What is read is what was written; the file has one line a series."""
    kept = noise()
    path = save_noise(tmp_path, kept)
    assert path == tmp_path / "noise" / "smoke-reference.json"
    assert load_noise(tmp_path, "smoke", "reference") == kept
    lines = path.read_text().splitlines()
    assert sum('"metric"' in line for line in lines) == len(kept.series)
    assert json.loads(path.read_text())["schema"] == "gatebench.noise/1"


def test_what_was_never_asked_is_none(tmp_path: Path) -> None:
    """No file, and a file of another target whose name looks alike."""
    assert load_noise(tmp_path, "smoke", "reference") is None
    save_noise(tmp_path, noise().model_copy(update={"target": "a:b"}))
    assert load_noise(tmp_path, "smoke", "a-b") is None
    assert load_noise(tmp_path, "smoke", "a:b") is not None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"machine": {"cores": 64}}, "from another machine"),
        ({"gatebench": "0.0.1"}, "from gatebench 0.0.1"),
        ({"scenario_digest": "0123456789abcdef"}, "earlier text of the scenario"),
    ],
)
def test_noise_from_elsewhere_is_not_used_and_says_so(tmp_path: Path, change: dict[str, object], said: str) -> None:
    """A sentence with the cure, and no floor at all."""
    save_noise(tmp_path, noise().model_copy(update=change))
    found = load_noise(tmp_path, "smoke", "reference")
    assert found is not None
    assert said in found.why_not
    assert "bench aa smoke --target reference" in found.why_not
    assert found.floor(p95(), 10) is None


@pytest.mark.parametrize("text", ["", "{", '{"schema": "gatebench.noise/9"}', "[]", "\0"])
def test_a_damaged_file_is_not_used_and_says_so(tmp_path: Path, text: str) -> None:
    """Never silently left out, never half read."""
    path = noise_path(tmp_path, "smoke", "reference")
    path.parent.mkdir()
    path.write_text(text)
    found = load_noise(tmp_path, "smoke", "reference")
    assert found is not None
    assert "cannot be read" in found.why_not
    assert found.floor(p95(), 10) is None


def test_a_tolerance_that_names_its_phase_comes_first() -> None:
    """The other one of the same metric is for the other phases."""
    wide, narrow = Tolerance("response_p95_ms", relative=0.1), Tolerance("response_p95_ms", "baseline", relative=0.05)
    assert [one.tolerance for one in noise().measures([wide, narrow])] == [narrow]
    assert noise().measures([Tolerance("response_p95_ms", "fault", relative=0.1)]) == []
