"""Percentiles out of buckets: the arithmetic of Prometheus' histogram_quantile, with the working beside each row."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatebench.analysis.histograms import Estimate, between, families, grown, quantile
from gatebench.analysis.series import Line, Source, increases
from gatebench.run.pages import Heard

INF = math.inf
S = 10**9


@pytest.mark.parametrize(
    ("share", "bounds", "cumulative", "expected"),
    [
        (0.5, (1.0, 2.0, INF), (0, 10, 10), Estimate(1.5, 1.0, 2.0)),  # the 5th of 10 that lie evenly in (1, 2]
        (0.5, (1.0, 2.0, INF), (10, 10, 10), Estimate(0.5, 0.0, 1.0)),  # the first bucket begins at 0
        (0.95, (1.0, 2.0, 4.0, INF), (50, 90, 100, 100), Estimate(3.0, 2.0, 4.0)),  # the 5th of 10 in (2, 4]
        (0.9, (1.0, 2.0, 4.0, INF), (50, 90, 100, 100), Estimate(2.0, 1.0, 2.0)),  # exactly at a bound
        (0.99, (1.0, 2.0, INF), (50, 90, 100), Estimate(2.0, 2.0, INF)),  # beyond the last bound: at least that
        (0.5, (-1.0, 1.0, INF), (10, 10, 10), Estimate(-1.0, -INF, -1.0)),  # a first bucket below 0 has no lower end
        (0.5, (1.0, 2.0, 4.0, INF), (8, 5, 10, 10), Estimate(0.625, 0.0, 1.0)),  # 8, 8, 10: the 5th of 8 in (0, 1]
        (1.0, (1.0, 2.0, INF), (5, 10, 10), Estimate(2.0, 1.0, 2.0)),
        (0.5, (1.0, 2.0), (5, 10), None),  # no infinite bucket
        (0.5, (INF,), (5,), None),
        (0.5, (1.0, INF), (0, 0), None),  # nothing was observed
        (0.5, (1.0, INF), (0, INF), None),
        (0.5, (), (), None),
    ],
)
def test_a_quantile(
    share: float, bounds: tuple[float, ...], cumulative: tuple[float, ...], expected: Estimate | None
) -> None:
    """By linear interpolation within the bucket that holds it."""
    assert quantile(share, bounds, cumulative) == expected


@given(
    st.lists(st.floats(0, 12), min_size=1, max_size=200),
    st.lists(st.floats(0.1, 10), min_size=1, max_size=8, unique=True),
    st.sampled_from([0.5, 0.95, 0.99]),
)
def test_the_truth_lies_in_the_bucket(times: list[float], edges: list[float], share: float) -> None:
    """Whatever was observed, the nearest-rank percentile lies between the ends that stand beside the estimate."""
    bounds = (*sorted(edges), INF)
    found = quantile(share, bounds, [sum(one <= bound for one in times) for bound in bounds])
    truth = sorted(times)[math.ceil(share * len(times) - 1e-9) - 1]
    assert found is not None
    assert found.low <= truth <= found.high
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize(
    ("estimate", "coarse"),
    [
        (Estimate(45.0, 40.0, 50.0), False),  # off by 5 of 45 at most
        (Estimate(44.0, 25.0, 50.0), True),  # by 19 of 44
        (Estimate(0.5, 0.0, 1.0), True),
        (Estimate(2.0, 2.0, INF), True),
    ],
)
def test_coarse_buckets_are_known(estimate: Estimate, coarse: bool) -> None:
    """Where the bucket lets the estimate be off by more than a quarter of itself."""
    assert estimate.is_coarse is coarse


def line(name: str, *values: float, first: int = 0) -> Line:
    """A series read once a second."""
    return Line(name, np.arange(first, first + len(values), dtype=np.int64) * S, np.array(values))


def source(*lines: Line, **kinds: str) -> Source:
    """What a page said."""
    return Source(Heard("/metrics", kinds=kinds), {one.name: one for one in lines})


def test_buckets_of_all_labels_are_added() -> None:
    """Between two readings, label by label; sets with other bounds cannot be added and are left out."""
    said = source(
        line('t_seconds_bucket{le="1.0",route="a"}', 5, 6, 8),
        line('t_seconds_bucket{le="+Inf",route="a"}', 5, 7, 9),
        line('t_seconds_bucket{route="b",le="1"}', 1, 1, 1),
        line('t_seconds_bucket{le="+Inf",route="b"}', 2, 3, 4),
        line('t_seconds_bucket{le="0.5",route="c"}', 0, 100, 200),
        line('t_seconds_bucket{le="+Inf",route="c"}', 0, 100, 200),
        line('t_seconds_bucket{le="x"}', 1, 2, 3),
        line("t_seconds_count", 7, 10, 13),
    )
    found = families(said)
    assert list(found) == ["t_seconds"]
    histogram = between(said, "t_seconds", found["t_seconds"], 0, 2 * S)
    assert histogram is not None
    assert (histogram.bounds, histogram.cumulative, histogram.parts) == ((1.0, INF), (3.0, 6.0), 2)
    assert histogram.count == 6
    assert between(said, "t_seconds", found["t_seconds"], 0, S - 1) is None, "one reading shows no growth"


def test_what_falls_began_anew() -> None:
    """A gateway that was started again counts from nothing, and one whose labels are new did so too."""
    assert increases(np.array([1.0, 4.0, 2.0, 3.0])).tolist() == [3.0, 2.0, 1.0]
    assert grown(line("a", 1, 4, 2, 3), 0, 3 * S) == 6
    assert grown(line("a", 3, 4, first=1), 0, 3 * S) == 4, "it was not there at the first reading"
    assert grown(line("a", 3, 4), 0, 3 * S) == 1
    assert grown(line("a", 3, 4), 5 * S, 9 * S) == 0
    assert grown(line("a", 3, INF, INF), 0, 3 * S) == 0, "what is no number has not grown"


@pytest.mark.parametrize(
    ("family", "kinds", "counter"),
    [
        ("a_total", {}, True),
        ("a", {}, False),
        ("a_bucket", {}, True),
        ("a_total", {"a_total": "gauge"}, False),
        ("a", {"a": "counter"}, True),
        ("a_total", {"a": "counter"}, True),
        ("a_sum", {"a": "histogram"}, True),
        ("a_count", {"a_count": "gauge"}, False),
        ("cart_count", {"a": "gauge"}, False),  # the page says kinds, and none of this one
        ("a", {"a": "untyped"}, False),
    ],
)
def test_counters_are_known(family: str, kinds: dict[str, str], counter: bool) -> None:
    """By the page's word, and by customs where it has none."""
    assert source(**kinds).is_counter(family) is counter


def test_labels_are_read_back() -> None:
    """Whatever text they hold."""
    assert Line('a{b="x\\"y\\\\z\\n",le="+Inf"}', np.empty(0, np.int64), np.empty(0)).labels == {
        "b": 'x"y\\z\n',
        "le": "+Inf",
    }
    assert line("a", 1).labels == {}
