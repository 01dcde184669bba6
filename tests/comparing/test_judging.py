"""The rule against the theory it cites, and the cases in which a careless one would let something pass."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from gatebench.comparing.judging import _holm, judge, look, upper_bound
from gatebench.comparing.line import Floats, Line, Measure
from gatebench.comparing.looks import PASSING, SPENT, Looks, plan_looks
from gatebench.comparing.tolerance import Tolerance

ONE_LOOK = Looks((10,), (1.0,))


def amount(tolerated: float, unit: str = "ms", name: str = "m") -> Measure:
    """A measure compared by differences."""
    return Measure(name, name, unit, "lower", None, Tolerance(name, absolute=tolerated))


def ratio(tolerated: float, name: str = "p95") -> Measure:
    """A time compared by log-ratios."""
    return Measure(name, name, "ms", "lower", None, Tolerance(name, relative=tolerated))


def line(measure: Measure, base: Floats | list[float], head: Floats | list[float], rows: float | None = None) -> Line:
    """A line of these rounds."""
    base, head = np.asarray(base, np.float64), np.asarray(head, np.float64)
    return Line(measure, base, head, None if rows is None else np.full(len(base), rows))


def word(measure: Measure, base: Floats | list[float], head: Floats | list[float], rows: float | None = None) -> str:
    """What the default gate says of one line."""
    return judge([line(measure, base, head, rows)], plan_looks(len(base))).lines[0].word


@pytest.mark.parametrize("pairs", [4, 6, 10, 25])
def test_the_test_of_worse_is_students(pairs: int) -> None:
    """The p-value is that of `scipy.stats.ttest_1samp` with the alternative "greater"."""
    generator = np.random.default_rng(pairs)
    base = generator.normal(10, 1, (50, pairs))
    head = base + generator.normal(0.3, 1, (50, pairs))
    shown = look([amount(0.0)], base[..., None], head[..., None], 1.0)
    expected = stats.ttest_1samp(head - base, 0.0, axis=1, alternative="greater")
    assert shown.p_worse[:, 0] == pytest.approx(expected.pvalue)
    opposite = stats.ttest_1samp(head - base, 0.0, axis=1, alternative="less")
    assert shown.p_better[:, 0] == pytest.approx(opposite.pvalue)


@pytest.mark.parametrize("share", [1.0, 0.55, 0.2])
def test_the_interval_is_students(share: float) -> None:
    """At a look that may spend a part of the error, the interval is wider by just that."""
    generator = np.random.default_rng(3)
    base, head = generator.normal(10, 1, (2, 10))
    shown = look([amount(0.0)], base[:, None], head[:, None], share)
    expected = stats.ttest_1samp(head - base, 0.0).confidence_interval(1 - 0.05 * share)
    assert (shown.low[0], shown.high[0]) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(
    ("tolerated", "p_both"),
    [(0.05, 0.19981289343219547), (0.1, 0.004056029733592263), (0.2, 1.8817667815537963e-05)],
)
def test_equivalence_is_two_one_sided_tests(tolerated: float, p_both: float) -> None:
    """The p-values are those of statsmodels 0.15.0, `ttost_paired(head, base, -tolerated, tolerated)`, for these rounds."""
    base = np.array([10.1, 10.4, 9.9, 10.0, 10.2, 10.3, 9.8, 10.1])
    head = base + np.array([0.05, -0.02, 0.11, 0.03, 0.0, 0.08, -0.04, 0.06])
    for share in (1.0, 0.5, 0.05, 0.003, 0.0003):
        shown = look([amount(tolerated)], base[:, None], head[:, None], share)
        assert bool(shown.equivalent[0]) == (p_both <= PASSING * share)


@pytest.mark.parametrize(
    ("p", "alpha", "rejected"),
    [  # what statsmodels 0.15.0, multipletests(p, alpha, method="holm"), rejects
        ([0.4, 0.0162, 0.0161], 0.05, [False, True, True]),
        ([0.0057, 0.4, 0.0077, 0.0011], 0.01, [False, False, False, True]),
        ([0.0057, 0.4, 0.0077, 0.0011], 0.05, [True, False, True, True]),
        ([0.02, 0.0087, 0.0047, 0.013, 0.001, 0.4], 0.01, [False, False, False, False, True, False]),
        ([0.02, 0.0087, 0.0047, 0.013, 0.001, 0.4], 0.05, [True, True, True, True, True, False]),
    ],
)
def test_holm_is_that_of_statsmodels(p: list[float], alpha: float, rejected: list[bool]) -> None:
    """Step-down: the smallest against alpha ÷ m, the next against alpha ÷ (m - 1), until one fails."""
    assert _holm(np.array(p), alpha).tolist() == rejected


def test_holm_is_the_closure_of_bonferroni() -> None:
    """A hypothesis falls exactly when every intersection that holds it falls by Bonferroni (Marcus, Peritz and Gabriel,
    Biometrika 63, 1976), for 300 draws of up to five p-values.
    """
    generator = np.random.default_rng(11)
    for _ in range(300):
        p = generator.uniform(0, 0.05, generator.integers(1, 6))
        for place in range(len(p)):
            sets = (
                chosen
                for size in range(1, len(p) + 1)
                for chosen in itertools.combinations(range(len(p)), size)
                if place in chosen
            )
            closed = all(min(p[list(chosen)]) <= 0.05 / len(chosen) for chosen in sets)
            assert bool(_holm(p, 0.05)[place]) == closed


def test_more_measures_need_more() -> None:
    """What is red alone is not red among nine others, for each may be wrong."""
    generator = np.random.default_rng(4)
    base = 10 + generator.normal(0, 0.1, (10, 10))
    head = base + generator.normal(0, 0.1, (10, 10))
    head[:, 0] = base[:, 0] + 0.12 + np.linspace(-0.15, 0.15, 10)
    alone = look([amount(0.0)], base[:, :1], head[:, :1], 1.0)
    among = look([amount(0.0, name=str(i)) for i in range(10)], base, head, 1.0)
    assert SPENT / 10 < alone.p_worse[0] <= SPENT
    assert alone.regressed[0]
    assert not among.regressed[0]


def test_a_change_below_the_tolerance_is_not_red_however_sure_it_is() -> None:
    """4 % in every round, when 5 % are tolerated: worse beyond doubt, and let pass."""
    base = np.linspace(49, 51, 10)
    head = base * 1.04 * np.array([1.0, 1.0001] * 5)
    shown = judge([line(ratio(0.05), base, head)], plan_looks(10)).lines[0]
    assert shown.word == "equivalent"
    assert shown.low is not None
    assert shown.low > 0


def test_a_clear_gain_that_is_not_the_tolerance_is_not_worse() -> None:
    """Some 3.5 to 5.5 % faster: it cannot be told from the tolerance on the good side, and passes."""
    base = np.full(10, 50.0)
    head = base * np.array([0.945, 0.965] * 5)
    assert word(ratio(0.05), base, head) == "not worse"


@pytest.mark.parametrize(("factor", "expected"), [(1.1, "regressed"), (0.9, "improved"), (1.0, "equivalent")])
def test_the_words(factor: float, expected: str) -> None:
    """Ten rounds with one percent of noise tell 10 % more, 10 % less and the same."""
    generator = np.random.default_rng(5)
    base, head = 50 * np.exp(generator.normal(0, 0.01, (2, 10)))
    assert word(ratio(0.05), base, head * factor) == expected


def test_noise_is_no_verdict() -> None:
    """Rounds that vary by half show nothing, and the text says what fits them."""
    generator = np.random.default_rng(6)
    base, head = 50 * np.exp(generator.normal(0, 0.5, (2, 10)))
    verdict = judge([line(ratio(0.05), base, head)], plan_looks(10))
    assert verdict.exit_code == 4
    assert verdict.settled
    assert "is tolerated" in verdict.lines[0].why


def test_a_clear_gate_stops_at_its_first_look() -> None:
    """Red and green both end after 6 of 10 pairs, and the further pairs are not looked at."""
    base = np.array([50.0, 50.1, 49.9, 50.05, 49.95, 50.0, 1.0, 1.0, 1.0, 1.0])
    red = judge([line(ratio(0.05), base, base * 1.5 * np.array([1.0, 1.01] * 5))], plan_looks(10))
    assert (red.pairs, red.exit_code, red.settled) == (6, 1, True)
    head = np.array([50.1, 50.0, 50.0, 49.95, 50.0, 49.9, 99.0, 99.0, 99.0, 99.0])
    green = judge([line(ratio(0.05), base, head)], plan_looks(10))
    assert (green.pairs, green.exit_code, green.settled) == (6, 0, True)


def test_before_the_first_look_nothing_is_said() -> None:
    """Five pairs of a gate of ten are open, not settled and no pass."""
    base = np.full(5, 50.0)
    found = judge([line(ratio(0.05), base, base)], plan_looks(10))
    assert (found.exit_code, found.settled, found.lines[0].word) == (4, False, "cannot tell")


def test_no_lines_are_no_pass() -> None:
    """Nothing compared is nothing shown."""
    assert judge([], plan_looks(10)).exit_code == 4


class TestMissingNumbers:
    """What a round did not measure never helps it."""

    def test_one_missing_head_keeps_the_line_from_passing(self) -> None:
        """Nine equal pairs and a hole are "missing", exit 4, with the reason."""
        base, head = np.full(10, 50.0), np.full(10, 50.0)
        head[3] = np.nan
        found = judge([line(ratio(0.05), base, head)], plan_looks(10))
        assert (found.lines[0].word, found.exit_code) == ("missing", 4)
        assert "1 of 10 pairs" in found.lines[0].why

    def test_a_hole_after_the_line_had_passed_takes_it_back(self) -> None:
        """Passed after six pairs, while another line was open: the hole in the eighth still counts."""
        generator = np.random.default_rng(18)
        calm, head = np.full(10, 50.0), np.full(10, 50.0)
        head[7] = np.nan
        noisy, other = 50 * np.exp(generator.normal(0, 0.5, (2, 10)))
        found = judge([line(ratio(0.05, "a"), calm, head), line(ratio(0.05, "b"), noisy, other)], plan_looks(10))
        assert [one.word for one in found.lines] == ["missing", "cannot tell"]

    def test_it_can_still_regress(self) -> None:
        """A head that is twice as slow, and in one round too broken to be measured, is red."""
        base = np.linspace(49, 51, 10)
        head = base * 2 * np.array([1.0, 1.01] * 5)
        head[2] = np.nan
        assert word(ratio(0.05), base, head) == "regressed"

    @pytest.mark.parametrize("side", ["base", "head", "both"])
    def test_a_side_without_numbers(self, side: str) -> None:
        """All of it missing is "missing"."""
        base, head = np.full(10, 50.0), np.full(10, 50.0)
        for name, values in (("base", base), ("head", head)):
            if side in {name, "both"}:
                values[:] = np.nan
        assert word(ratio(0.05), base, head) == "missing"

    def test_it_does_not_cost_the_other_lines(self) -> None:
        """Holm counts a missing line, but a red one beside it stays red."""
        base = np.linspace(49, 51, 10)
        lines = [line(ratio(0.05, "a"), base, np.full(10, np.nan)), line(ratio(0.05, "b"), base, base * 1.5)]
        assert judge(lines, plan_looks(10)).exit_code == 1


class TestNoSpread:
    """Rounds that do not vary have no t; what is said of them is said by counting."""

    def test_equal_rounds_pass(self) -> None:
        """The same in every round is not worse."""
        assert word(amount(0.0, "answers"), [0.0] * 10, [0.0] * 10) == "equivalent"

    def test_six_equal_steps_are_not_enough_for_red(self) -> None:
        """Six times the same sign has one chance in 64: no alarm at the first look, but one after ten (1 in 1024)."""
        base = [10.0] * 10
        assert not look([amount(0.5)], np.full((6, 1), 10.0), np.full((6, 1), 12.0), 0.2).regressed[0]
        assert word(amount(0.5), base, [12.0] * 10) == "regressed"

    def test_rounding_is_no_spread(self) -> None:
        """Log-ratios that are equal but for the last bit count as equal: no alarm out of a t of 10¹²."""
        base = 50 * np.array([1.0, 1.1, 1.2, 1.3, 1.4, 1.5])
        head = base * 1.1 * np.array([1.0, 1.0 + 1e-15, 1.0, 1.0 - 1e-15, 1.0, 1.0])
        assert np.ptp(np.log(head / base)) > 0
        assert not look([ratio(0.05)], base[:, None], head[:, None], 0.2).regressed[0]

    def test_two_levels_do_not_fool_the_first_look(self) -> None:
        """A time that is fast or slow by the toss of a coin: four equal tosses would have looked like proof, so no look
        comes before six pairs.
        """
        fast, slow = 50.0, 60.0
        wobble = np.array([1.0, 1.0003, 0.9998, 1.0001, 1.0, 0.9999, 1.0, 1.0, 1.0, 1.0])
        base = np.array([fast, fast, fast, fast, slow, slow, slow, fast, slow, fast])
        head = np.array([slow, slow, slow, slow, fast, fast, slow, fast, fast, slow]) * wobble
        assert judge([line(ratio(0.05), base, head)], plan_looks(10)).exit_code == 4


class TestSharesWithoutAnEvent:
    """No error among few requests does not show that there are few errors."""

    tolerated = amount(0.005, "share", "error_share")

    def test_few_requests_do_not_pass(self) -> None:
        """600 requests without an error: a head that fails half a percent of all shows none of them in 5 % of cases."""
        assert word(self.tolerated, [0.0] * 10, [0.0] * 10, rows=60) == "cannot tell"

    def test_enough_requests_pass(self) -> None:
        """1600 requests without an error bound the share at 0.4 %."""
        assert word(self.tolerated, [0.0] * 10, [0.0] * 10, rows=200) == "equivalent"

    def test_the_bound_is_the_exact_one(self) -> None:
        """3 events in 2000 rows at the level of a single look: the 95 % quantile of beta(4, 1997), less the base."""
        head = np.array([1, 0, 0, 1, 0, 0, 0, 1, 0, 0]) / 200
        base = np.full(10, 0.001)
        rows = np.full((10, 1), 200.0)
        bound = upper_bound([self.tolerated], base[:, None], head[:, None], 1.0, rows)[0]
        assert bound == pytest.approx(stats.beta(4, 1997).ppf(0.95) - 0.001)

    def test_the_interval_leaves_room_too(self) -> None:
        """Nothing in 2000 rows on either side: from -0.25 to +0.25 % fits (the beta quantile at the last look), not 0 alone."""
        shown = judge([line(self.tolerated, [0.0] * 10, [0.0] * 10, rows=200)], ONE_LOOK).lines[0]
        room = stats.beta(1, 2000).ppf(1 - 0.025)
        assert (shown.low, shown.high) == pytest.approx((-room, room))

    @pytest.mark.parametrize("rows", [40, 100, 200])
    def test_one_that_fails_by_the_whole_tolerance_rarely_passes(self, rows: int) -> None:
        """Binomial errors of half a percent against none: at most 5 % pass, all looks together (exactly: in every one of
        20 000 gates).
        """
        generator = np.random.default_rng(rows)
        looks = plan_looks(10)
        head = generator.binomial(rows, 0.005, (20_000, 10, 1)) / rows
        base = np.zeros_like(head)
        passed = np.zeros(len(head), np.bool_)
        for after, share in zip(looks.pairs, looks.shares, strict=True):
            counts = np.full((len(head), after, 1), float(rows))
            passed |= look([self.tolerated], base[:, :after], head[:, :after], share, rows=counts).not_worse[:, 0]
        assert passed.mean() <= PASSING

    def test_all_of_them_bad_is_no_pass(self) -> None:
        """A share of 1 on both sides has no room for an interval, and does not crash."""
        bound = upper_bound([self.tolerated], np.zeros((10, 1)), np.ones((10, 1)), 1.0, np.full((10, 1), 50.0))
        assert bound[0] == pytest.approx(1.0)

    def test_without_the_number_of_requests_it_is_judged_by_the_rounds(self) -> None:
        """Older runs do not tell it; then the rounds decide alone."""
        assert word(self.tolerated, [0.0] * 10, [0.0] * 10) == "equivalent"


def test_one_pair_shows_nothing() -> None:
    """No spread can be known from one pair: neither red nor green, and an interval without ends."""
    shown = look([amount(1.0)], np.full((1, 1), 10.0), np.full((1, 1), 99.0), 1.0)
    assert not (shown.regressed[0] or shown.not_worse[0])
    assert math.isinf(shown.high[0])


def test_passing_is_the_upper_bound() -> None:
    """`look` lets pass exactly what `upper_bound` finds at or below the tolerance."""
    generator = np.random.default_rng(9)
    base = generator.normal(10, 1, (500, 10, 1))
    head = generator.normal(10, 1, (500, 10, 1))
    for share in (0.2, 1.0):
        bound = upper_bound([amount(1.0)], base, head, share)
        assert np.array_equal(look([amount(1.0)], base, head, share).not_worse, bound <= 1.0)
        assert 0.1 < (bound <= 1.0).mean() < 0.9


@pytest.mark.parametrize("measure", [ratio(0.05), amount(1.0)], ids=["ratio", "difference"])
def test_what_is_shown_of_both_sides_differs_by_the_change_that_is_shown(measure: Measure) -> None:
    """Rounds in two clusters, of which medians fall into different ones: base and head would look as if they were a third apart."""
    base, head = [200.0, 240.0, 310.0, 205.0, 215.0, 300.0], [310.0, 300.0, 205.0, 300.0, 290.0, 210.0]
    (found,) = judge([line(measure, base, head)], plan_looks(6)).lines
    assert found.base is not None
    assert found.head is not None
    shown = math.log(found.head / found.base) if measure.relative else found.head - found.base
    assert shown == pytest.approx(found.worse)
