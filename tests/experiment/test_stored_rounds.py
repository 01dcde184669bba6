"""The proof on real rounds: ten thousand gates drawn from the pairs of docs/aa.md, which stand in docs/demos/aa."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatebench.comparing.alarms import counted
from gatebench.comparing.looks import ALPHA, DEFAULT_PAIRS, plan_looks
from gatebench.comparing.simulation import Effect, Identical, simulate
from gatebench.comparing.tolerance import default_tolerances
from gatebench.experiment.noise import Noise
from gatebench.experiment.study import Strict, joined, measurable

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "demos" / "aa"
STORED = ("gate-reference.json", "gate-reference-in-use.json")
"""The second while somebody typed and ran small programs on the machine."""

GATES = 10_000
LOOKS = plan_looks(DEFAULT_PAIRS)


@pytest.fixture(scope="module", params=STORED)
def noise(request: pytest.FixtureRequest) -> Noise:
    """What `bench aa gate --target reference --rounds 80` kept."""
    return Noise.model_validate_json((FOLDER / request.param).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rounds(noise: Noise) -> Identical:
    """The numbers of the default gate, pair by pair."""
    known = {one.metric for one in noise.series}
    wanted, left_out = measurable(noise, default_tolerances(known, lanes="overhead_median_ms" in known))
    assert not left_out
    return joined(noise, wanted)


def test_the_pairs_are_real(noise: Noise) -> None:
    """At least forty pairs, all of which took their time, and no two rounds alike."""
    assert len(noise.pair_s) >= 40
    assert min(noise.pair_s) > 12  # twice six seconds of load
    series = noise.find("response_p95_ms", "baseline")
    assert series is not None
    assert len({*series.first, *series.second}) > 0.9 * 2 * len(noise.pair_s)


@pytest.mark.parametrize("seed", [1, 2])
def test_false_alarms_are_at_most_one_in_a_hundred(rounds: Identical, seed: int) -> None:
    """The upper end of the exact interval lies below 1 %, the sequential rule on."""
    assert counted(simulate(rounds, LOOKS, GATES, seed).alarms, GATES).high <= ALPHA


def test_without_tolerances_they_are_not_many_more(rounds: Identical) -> None:
    """Below 2 % where nothing at all is tolerated: pairs that happen to be alike make up to that out of pure chance."""
    strict = Identical(tuple(Strict(**vars(one)) for one in rounds.measures), rounds.first, rounds.second, rounds.rows)
    assert counted(simulate(strict, LOOKS, GATES, 1).alarms, GATES).low <= 2 * ALPHA


def test_intervals_hold_the_truth(rounds: Identical) -> None:
    """At least 95 % of the intervals at the end of a gate hold it, for every number, with a change and without."""
    for effects in ([], [Effect(one.metric, added=0.3) for one in rounds.measures if one.unit == "ms"]):
        assert (simulate(rounds, LOOKS, GATES, 1, effects).covered >= 0.95 * GATES).all()


def test_ten_percent_on_p95_are_seen(noise: Noise, rounds: Identical) -> None:
    """At least 95 % of the default gates alarm at responses whose p95 is 10 % slower."""
    from gatebench.experiment.study import _scenes

    scenes = dict(_scenes(noise, rounds.measures)[0])
    found = simulate(rounds, LOOKS, GATES, 1, scenes["+10 % on p95"])
    assert counted(found.alarms, GATES).low >= 0.95


def test_the_rule_of_one_pair_would_not_do(noise: Noise) -> None:
    """On the same rounds "p99 is 10 % slower" alarms in more than one pair in a hundred, beyond doubt."""
    from gatebench.experiment.study import _plain

    found = _plain(noise)
    assert found is not None
    assert found.low > ALPHA
