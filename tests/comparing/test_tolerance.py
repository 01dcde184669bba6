"""How tolerances are read, and what is said of those that cannot be."""

from __future__ import annotations

import pytest

from gatebench.comparing.tolerance import Tolerance, default_tolerances, parse
from gatebench.errors import Problem

UNITS = {
    "response_p95_ms": "ms",
    "error_share": "share",
    "failover_time_s": "s",
    "goodput_per_s": "1/s",
    "requests_lost": "requests",
}


def read(text: str) -> tuple[Tolerance | None, list[Problem]]:
    """Parse one tolerance; return it with what was wrong."""
    problems: list[Problem] = []
    return parse(text, UNITS, "--tolerance", problems), problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p95=5%", Tolerance("response_p95_ms", relative=0.05)),
        ("p95=+5 %", Tolerance("response_p95_ms", relative=0.05)),
        (" p95@fault=12.5%", Tolerance("response_p95_ms", "fault", relative=0.125)),
        ("response_p95_ms=0.3ms", Tolerance("response_p95_ms", absolute=0.3)),
        ("p95=300us", Tolerance("response_p95_ms", absolute=0.3)),  # 300 µs · 10⁻³ ms/µs
        ("failover_time_s=250ms", Tolerance("failover_time_s", absolute=0.25)),  # 250 ms ÷ 1000
        ("errors=0.5pp", Tolerance("error_share", absolute=0.005)),  # a percentage point is 0.01 of a share
        ("error_share=0.005", Tolerance("error_share", absolute=0.005)),
        ("requests_lost=0", Tolerance("requests_lost", absolute=0.0)),
        ("goodput=3%", Tolerance("goodput_per_s", relative=0.03)),
    ],
)
def test_a_tolerance_is_read_in_the_metrics_unit(text: str, expected: Tolerance) -> None:
    """Names may be short, amounts in any unit of their kind."""
    found, problems = read(text)
    assert not problems
    assert found is not None
    assert (found.metric, found.phase) == (expected.metric, expected.phase)
    assert found.relative == pytest.approx(expected.relative)
    assert found.absolute == pytest.approx(expected.absolute)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("p95", "is no tolerance"),
        ("p95=", "is no tolerance"),
        ("p95=fast", "is no tolerance"),
        ("p95=-5%", "is no tolerance"),
        ("p95=1e999%", "is no tolerance"),
        ("p95=1e%", "is no tolerance"),
        ("p95=5%%", "is no tolerance"),
        ("p95@=5%", "is no tolerance"),
        ("p95=5% p50=5%", "is no tolerance"),
        ("latency=5%", "there is no metric latency"),
        ("errors=5%", "% of a share misleads"),
        ("p95=1pp", "is counted in ms, not in pp"),
        ("errors=3ms", "is counted in share, not in ms"),
        ("requests_lost=2s", "is counted in requests, not in s"),
    ],
)
def test_what_is_no_tolerance_is_one_problem_with_a_cure(text: str, said: str) -> None:
    """Nothing is guessed: the problem names the option, what is wrong and what to write."""
    found, problems = read(text)
    assert found is None
    assert len(problems) == 1
    assert said in str(problems[0])
    assert problems[0].cure


def test_nobody_has_to_write_one() -> None:
    """The defaults take what the rounds know; where there are lanes, what the gateway adds stands for p50 and p95."""
    plain = {
        one.metric for one in default_tolerances({"response_p50_ms", "response_p95_ms", "error_share"}, lanes=False)
    }
    assert plain == {"response_p50_ms", "response_p95_ms", "error_share"}
    known = {"response_p50_ms", "response_p95_ms", "overhead_median_ms", "overhead_p95_ms", "error_share"}
    with_lanes = default_tolerances(known, lanes=True)
    assert {one.metric for one in with_lanes} == {"overhead_median_ms", "overhead_p95_ms", "error_share"}


def test_a_tolerance_is_shown_as_it_is_written() -> None:
    """`str` gives something that can be typed again."""
    assert str(Tolerance("response_p95_ms", "fault", relative=0.05)) == "response_p95_ms@fault=5%"
    assert str(Tolerance("error_share", absolute=0.005)) == "error_share=0.005"
