"""Checks over the pairs of a gate: exact p-values, many checks at once, and what is never let pass."""

import numpy as np
import pytest

from gatebench.comparing.checks import CHECKS_ALPHA, CheckRounds, adjusted, judge_checks, p_value
from gatebench.comparing.looks import plan_looks

TEN = plan_looks(10)


def rounds(base: str, head: str, sentence: str = "Errors is at most 0") -> CheckRounds:
    """Return a check from letters: p pass, f fail, u unknown, - not there."""
    words = {"p": "pass", "f": "fail", "u": "unknown", "-": ""}
    return CheckRounds(sentence, tuple(words[one] for one in base), tuple(words[one] for one in head))


@pytest.mark.parametrize(
    ("broke", "healed", "p"),
    [
        (0, 0, 1.0),
        (1, 0, 1 / 2),  # one disagreement: heads or tails
        (4, 0, 1 / 16),
        (10, 0, 1 / 1024),
        (2, 1, 4 / 8),  # P(2 or 3 of 3) = (3 + 1) / 8
        (9, 1, 11 / 1024),  # P(9 or 10 of 10) = (10 + 1) / 1024
        (0, 5, 1.0),
    ],
)
def test_the_p_value_is_the_binomial_tail(broke: int, healed: int, p: float) -> None:
    """P(X ≥ broke) of a binomial with one half."""
    assert p_value(broke, healed) == pytest.approx(p)


def test_a_check_that_breaks_in_every_pair_is_shown_with_its_count() -> None:
    """Ten of ten: once in 1 024, below 0.2 %."""
    (found,) = judge_checks([rounds("p" * 10, "f" * 10)], TEN, 10)
    assert found.word == "regressed"
    assert (found.broke, found.healed) == (10, 0)
    assert found.p == pytest.approx(1 / 1024)
    assert "in 10 of 10 pairs it passes in base and fails in head" in found.why
    assert "once in 1 024" in found.why


def test_four_pairs_cannot_show_it_and_are_no_pass_either() -> None:
    """One in sixteen is not one in a hundred: the gate goes on."""
    (found,) = judge_checks([rounds("p" * 4, "f" * 4)], TEN, 4)
    assert found.word == "cannot tell"


def test_one_failure_in_head_alone_is_not_let_pass() -> None:
    """It may be chance, and it may not."""
    (found,) = judge_checks([rounds("p" * 10, "p" * 9 + "f")], TEN, 10)
    assert found.word == "cannot tell"


def test_a_check_that_wavers_on_both_sides_alike_is_not_worse() -> None:
    """As many pairs one way as the other."""
    (found,) = judge_checks([rounds("pfppppfppp", "pppfpppppf")], TEN, 10)
    assert found.word == "not worse"


def test_a_check_that_fails_everywhere_is_no_regression_and_said() -> None:
    """Base is broken already: that is not head's doing, and not hidden."""
    (found,) = judge_checks([rounds("f" * 10, "f" * 10)], TEN, 10)
    assert found.word == "not worse"
    assert "no regression, but no pass" in found.why


def test_a_check_that_falls_silent_in_head_is_not_let_pass() -> None:
    """Unknown, or not there at all."""
    for silent in ("u" * 10, "-" * 10):
        (found,) = judge_checks([rounds("p" * 10, silent)], TEN, 10)
        assert found.word == "cannot tell"
        assert "says nothing in head" in found.why


def test_checks_that_never_disagree_take_nothing_from_one_that_does() -> None:
    """Of thirty checks one can reach the level, so that it is judged alone; by Bonferroni it could not be shown."""
    steady = [rounds("p" * 10, "p" * 10, f"check {number}") for number in range(29)]
    found = judge_checks([*steady, rounds("p" * 10, "f" * 10)], TEN, 10)
    assert [one.word for one in found] == ["not worse"] * 29 + ["regressed"]
    assert CHECKS_ALPHA / 30 < 1 / 1024


def test_checks_that_break_together_count_as_one() -> None:
    """Five that break in all pairs are as sure as one: all or none of them would break by chance."""
    found = judge_checks([rounds("p" * 10, "f" * 10, str(number)) for number in range(5)], TEN, 10)
    assert [one.word for one in found] == ["regressed"] * 5


def test_adjusted_p_values_are_what_counting_by_hand_gives() -> None:
    """Two checks over two pairs; (1, 1) and (1, 0): of the four exchanges three have a smallest p of 1/2 at most."""
    found = adjusted([np.array([1, 1]), np.array([1, 0])])
    # own p-values: 1/4 and 1/2. Exchanges (++), (+-), (-+), (--): smallest p 1/4, 1/2, 3/4, 1.
    assert found == pytest.approx([1 / 4, 2 / 4])


def test_one_check_alone_keeps_its_exact_p_value_beyond_all_exchanges_too() -> None:
    """Ten pairs: every exchange. Twenty: 16 384 of them, within their own scatter."""
    ten = np.array([1] * 8 + [-1] * 2)
    assert adjusted([ten])[0] == pytest.approx(p_value(8, 2))
    twenty = np.array([1] * 14 + [-1] * 6)
    assert adjusted([twenty])[0] == pytest.approx(p_value(14, 6), abs=0.005)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_level_holds_for_checks_that_waver_by_chance(share: float) -> None:
    """Eight checks that fail in a share of all rounds by chance: at most 0.2 % of gates alarm (2 000 gates: at most 11,
    beyond which chance would go once in a thousand times).
    """
    generator = np.random.default_rng(1)
    alarms = 0
    for _ in range(2000):
        failed = generator.random((2, 8, 10)) < share
        signs = failed[1].astype(np.int64) - failed[0]
        alarms += bool((adjusted(list(signs)) <= CHECKS_ALPHA).any())
    assert alarms <= 11
