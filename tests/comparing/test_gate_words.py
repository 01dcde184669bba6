"""What a gate says: amounts with signs and units, the sentence, what would help."""

import math

import pytest

from gatebench.comparing.amounts import change, interval, number, tolerated
from gatebench.comparing.checks import CheckVerdict
from gatebench.comparing.gated import advice, headline
from gatebench.comparing.judging import LineVerdict
from gatebench.comparing.line import Measure
from gatebench.comparing.tolerance import Tolerance
from tests.gate_rounds import gated, verdicts


def line(measure: Measure, worse: float, low: float, high: float, margin: float) -> LineVerdict:
    """Return a verdict with these amounts on the scale of worse."""
    return LineVerdict(measure, "cannot tell", 10, 40.0, 44.0, worse, low, high, margin, 0.2)


TIME = Measure(
    "response_p95_ms", "Response p95", "ms", "lower", "baseline", Tolerance("response_p95_ms", relative=0.05)
)
GOODPUT = Measure("goodput_per_s", "Goodput", "/s", "higher", None, Tolerance("goodput_per_s", relative=0.05))
ERRORS = Measure("error_share", "Errors", "share", "lower", "baseline", Tolerance("error_share", absolute=0.005))
ADDED = Measure("overhead_median_ms", "Overhead", "ms", "lower", None, Tolerance("overhead_median_ms", absolute=0.1))


@pytest.mark.parametrize(
    ("measure", "amounts", "expected"),
    [
        (
            TIME,
            (math.log(1.10), math.log(1.02), math.log(1.18), math.log(1.05)),
            ("+10.0 %", "+2.0 to +18.0 %", "+5 %"),
        ),
        (GOODPUT, (math.log(1.25), 0.0, math.log(2), -math.log(0.95)), ("−20.0 %", "−50.0 to 0.0 %", "−5 %")),
        (ERRORS, (0.012, -0.001, 0.025, 0.005), ("+1.2 pp", "−0.1 to +2.5 pp", "+0.5 pp")),
        (ADDED, (0.3, 0.1, 0.5, 0.1), ("+0.3 ms", "+0.1 to +0.5 ms", "+0.1 ms")),
    ],
    ids=["time", "goodput", "share", "overhead"],
)
def test_amounts_say_what_changes_with_sign_and_unit(
    measure: Measure, amounts: tuple[float, float, float, float], expected: tuple[str, str, str]
) -> None:
    """A plus is more, not worse; the interval's lower end comes first; shares are in percentage points."""
    one = line(measure, *amounts)
    assert (change(one), interval(one), tolerated(one)) == expected


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "ms", "–"),
        (math.nan, "ms", "–"),
        (0.0123, "share", "1.23 %"),
        (38.547, "ms", "38.55 ms"),
        (12345.6, "", "12346"),
        (2500.0, "µs", "2.5 ms"),
    ],
)
def test_numbers_have_four_digits_and_a_unit(value: float | None, unit: str, text: str) -> None:
    """And a dash where there is none."""
    assert number(value, unit) == text


def test_a_regression_is_one_sentence_with_its_amount() -> None:
    """What, where, by how much, what is tolerated."""
    said = headline(gated(1, verdicts(1.15)))
    assert said.startswith("Regressed: Response p95 in baseline changed by +1")
    assert "+5 % is tolerated" in said
    assert "10 pairs" in said


def test_what_cannot_be_told_says_what_would_help() -> None:
    """More pairs (how many), a wider tolerance (which), less noise."""
    lines = verdicts(1.0, spread=0.1)
    assert lines[0].word == "cannot tell"
    said = advice(gated(4, lines))
    assert "Make more pairs: about " in said[0]
    assert "response_p95_ms@baseline=" in said[1]
    assert "less noise" in said[2]


def test_the_pairs_that_would_do_do() -> None:
    """The number that is advised is enough when the rounds go on like these."""
    lines = verdicts(1.0, spread=0.1)
    assert lines[0].word == "cannot tell"
    advised = int(advice(gated(4, lines))[0].partition("about ")[2].split()[0])
    words = [verdicts(1.0, spread=0.1, pairs=pairs)[0].word for pairs in range(advised + 4, advised + 20, 4)]
    assert sum(word in {"equivalent", "not worse"} for word in words) >= len(words) - 1


def test_a_missing_number_is_named() -> None:
    """It is never a pass."""
    lines = verdicts(missing=True)
    assert lines[0].word == "missing"
    assert "response_p95_ms@baseline" in advice(gated(4, lines))[0]
    assert headline(gated(4, lines)).startswith("Cannot tell: Response p95 in baseline: 10 of 10 pairs")


def test_a_check_alone_can_be_the_headline() -> None:
    """It is quoted with its count."""
    check = CheckVerdict("Errors is at most 0", "regressed", 10, 10, 0, 0, 10, 1 / 1024, "in 10 of 10 pairs it fails")
    assert headline(gated(1, verdicts(1.0), [check])) == (
        "Regressed: “Errors is at most 0”: in 10 of 10 pairs it fails. Shown by 10 pairs of rounds."
    )


def test_an_invalid_gate_says_why_first() -> None:
    """The reason, then the others."""
    found = gated(3, reasons=("Only 3 of 10 pairs are complete.", "12 rounds: too late."))
    assert headline(found) == "Only 3 of 10 pairs are complete."
    assert advice(found)[0] == "12 rounds: too late."
