"""The shape of a fault is a pure function of its window and its seed."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gatebench.shapes import LEAST_REST_S, Arrivals, Flap, Ramp, Step, at_random, flap, ramped


def test_a_step_is_on_all_the_time() -> None:
    """One span, the whole window."""
    assert Step().spans(3.0, 1) == [(0.0, 3.0)]


def test_a_flap_is_on_for_its_duty_of_every_period() -> None:
    """Ten seconds of two with a duty of a quarter are five spans of half a second; a cut period at the end is left out."""
    spans = Flap(period="2s", duty=0.25).spans(10.0, 1)
    assert spans == [(0.0, 0.5), (2.0, 2.5), (4.0, 4.5), (6.0, 6.5), (8.0, 8.5)]
    assert Flap(period="2s", duty=0.5).spans(4.5, 1) == [(0.0, 1.0), (2.0, 3.0)]
    assert Flap(period="2s", duty=0.5).spans(5.0, 1)[-1] == (4.0, 5.0)
    assert Flap(period="2s", duty=0.5).spans(0.5, 1) == []


def test_a_ramp_goes_from_its_start_to_its_end() -> None:
    """Both ends are reached, in equal steps."""
    assert Ramp(parameter="latency", start=50, end=200, steps=4).values() == [50, 100, 150, 200]
    assert Ramp(parameter="latency", start=200, end=50, steps=2).values() == [200, 50]


@given(seed=st.integers(0, 2**63), length_s=st.floats(2, 60), mean_ms=st.integers(50, 5000))
def test_random_windows_lie_inside_and_rest_between(seed: int, length_s: float, mean_ms: int) -> None:
    """None leaves the window, none touches the next, and the same seed gives the same."""
    shape = Arrivals(every=f"{mean_ms}ms", lasting="1s")
    spans = shape.spans(length_s, seed)
    assert spans == shape.spans(length_s, seed)
    assert spans, "a thousand draws find one"
    assert all(begin >= 0 and end <= length_s + 1e-9 and abs(end - begin - 1) < 1e-9 for begin, end in spans)
    assert all(later - earlier >= LEAST_REST_S - 1e-9 for (_, earlier), (later, _) in pairwise(spans))


def test_random_windows_differ_by_seed_and_have_the_mean_rest() -> None:
    """The mean rest is that of the exponential distribution, cut at the least rest below."""
    shape = Arrivals(every="4s", lasting="1s")
    assert shape.spans(100.0, 1) != shape.spans(100.0, 2)
    rests = [later - earlier for seed in range(200) for (_, earlier), (later, _) in pairwise(shape.spans(400.0, seed))]
    # E[max(r, X)] = r + m exp(-r / m) for an exponential X of mean m
    assert sum(rests) / len(rests) == pytest.approx(0.8 + 4 * 2.718281828 ** (-0.8 / 4), rel=0.02)


def test_a_window_too_short_for_its_shape_has_no_span() -> None:
    """Nothing is invented."""
    assert Arrivals(every="1s", lasting="2s").spans(1.0, 1) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "flap", "period": "0s"},
        {"kind": "flap", "period": "1s", "duty": 1.0},
        {"kind": "flap", "period": "1s", "duty": 0.0},
    ],
)
def test_what_is_no_flap_is_refused(wrong: dict[str, object]) -> None:
    """A period above nothing, a duty between all and nothing."""
    with pytest.raises(ValidationError):
        Flap.model_validate(wrong)


def test_the_words_of_a_scenario_make_shapes() -> None:
    """What `fault(shape=…)` takes is what pydantic reads."""
    assert Flap.model_validate(flap("2s", duty=0.25)) == Flap(period="2s", duty=0.25)
    assert Ramp.model_validate(ramped("latency", 1, 9, steps=3)).values() == [1, 5, 9]
    assert Arrivals.model_validate(at_random(every="3s", lasting="1s")) == Arrivals(every="3s", lasting="1s")
