"""What paired rounds show: worse, not worse, better, or nothing yet. Vectorised over many gates at once, so that the very
rule which judges a user's gate is the one that is played ten thousand times by `bench aa`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, stdtr, stdtrit

from gatebench.comparing.line import Floats, Line, Measure
from gatebench.comparing.looks import LEAST_PAIRS, MISSING, PASSING, SPENT, Looks

Word = Literal["regressed", "improved", "equivalent", "not worse", "cannot tell", "missing"]
Bools = npt.NDArray[np.bool_]
ENOUGH: Final = 0.8
"""Part of the pairs in which a number has to be there on both sides to be judged at all; to pass, it has to be in all."""


_NOTHING: Final = 1e-9
"""A spread below this part of the mean is rounding: the differences are equal."""


@dataclass(frozen=True)
class Shown:
    """What one look shows of many gates; arrays of shape (…, measures), amounts on the scale of `Measure.worse`."""

    regressed: Bools
    not_worse: Bools
    improved: Bools
    equivalent: Bools
    mean: Floats
    low: Floats
    high: Floats
    margin: Floats
    p_worse: Floats
    p_better: Floats


def look(
    measures: Sequence[Measure],
    base: Floats,
    head: Floats,
    share: float,
    alpha: float = SPENT,
    *,
    rows: Floats | None = None,
) -> Shown:
    """Judge every measure after one look that may spend `share` of each allowance; `base`, `head`: (…, pairs, measures),
    `rows` the requests behind each head's shares, NaN where they are not known.

    Regressed: the one-sided t-test of "not worse at all" is rejected at alpha, by Holm's step-down procedure over the
    measures ("A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6, 1979), and
    the change that was found is at least the tolerance. Not worse: "worse by the whole tolerance" is rejected at
    `PASSING`; with the same on the other side, equivalent (two one-sided tests: Schuirmann, Journal of
    Pharmacokinetics and Biopharmaceutics 15, 1987). That all measures have to be shown needs no correction (Berger,
    Technometrics 24, 1982). Fewer than two pairs show nothing.
    """
    pairs = base.shape[-2]
    worse = _worse(measures, base, head)
    margin = np.stack([m.margin(base[..., i]) for i, m in enumerate(measures)], axis=-1)
    mean = worse.mean(axis=-2)
    if pairs < 2:
        no = np.zeros(mean.shape, np.bool_)
        low, high = np.full(mean.shape, -np.inf), np.full(mean.shape, np.inf)
        return Shown(no, no, no, no, mean, low, high, margin, np.ones(mean.shape), np.ones(mean.shape))
    error = worse.std(axis=-2, ddof=1) / np.sqrt(pairs)
    p_worse, p_better = _chance_above(mean, error, pairs), _chance_above(-mean, error, pairs)
    regressed = _shifted(p_worse, mean, margin, alpha * share)
    improved = _shifted(p_better, -mean, margin, alpha * share)
    highest = _highest(mean, error, pairs, PASSING * share)
    unseen = np.where(margin > 0, unseen_share(measures, base, head, PASSING * share, rows), -np.inf)
    not_worse = (highest <= margin) & (unseen <= margin)
    equivalent = not_worse & (_highest(-mean, error, pairs, PASSING * share) <= margin)
    tail = MISSING * share / 2
    reach = stdtrit(pairs - 1, 1 - tail) * error
    low = np.minimum(mean - reach, -unseen_share(measures, head, base, tail, rows))
    high = np.maximum(mean + reach, unseen_share(measures, base, head, tail, rows))
    return Shown(regressed, not_worse, improved, equivalent, mean, low, high, margin, p_worse, p_better)


def upper_bound(
    measures: Sequence[Measure], base: Floats, head: Floats, share: float, rows: Floats | None = None
) -> Floats:
    """Return the most that each measure may have become worse, at the confidence by which `look` lets it pass: it passes
    every tolerance above 0 that is not below it. Shapes as in `look`, → (…, measures); infinite for one pair.
    """
    pairs = base.shape[-2]
    worse = _worse(measures, base, head)
    if pairs < 2:
        return np.full(worse.mean(axis=-2).shape, np.inf)
    error = worse.std(axis=-2, ddof=1) / np.sqrt(pairs)
    highest = _highest(worse.mean(axis=-2), error, pairs, PASSING * share)
    return np.maximum(highest, unseen_share(measures, base, head, PASSING * share, rows))


def unseen_share(measures: Sequence[Measure], base: Floats, head: Floats, level: float, rows: Floats | None) -> Floats:
    """Return by how much a share may be worse than the base's although no more was seen of it: the exact upper end of the
    head's share at 1 - `level` (Clopper and Pearson, Biometrika 26, 1934) over the rows of all rounds, less the base's.

    Rounds without an event do not differ, and a t-test of no differences is sure of anything; but 400 requests without
    an error say no more than "below 0.75 %". Minus infinity where it is no share or the rows are not known.
    """
    found = np.full((*base.shape[:-2], base.shape[-1]), -np.inf)
    for i, measure in enumerate(measures):
        if rows is None or not measure.counted or not np.isfinite(rows[..., i]).all():
            continue
        count = rows[..., i].sum(axis=-1)
        events = np.rint((measure.bad(head[..., i]) * rows[..., i]).sum(axis=-1))
        with np.errstate(invalid="ignore"):
            end = np.where(events < count, betaincinv(events + 1, count - events, 1 - level), 1.0)
        found[..., i] = end - measure.bad(base[..., i]).mean(axis=-1)
    return found


def _worse(measures: Sequence[Measure], base: Floats, head: Floats) -> Floats:
    return np.stack([m.worse(base[..., i], head[..., i]) for i, m in enumerate(measures)], axis=-1)


def _chance_above(mean: Floats, error: Floats, pairs: int) -> Floats:
    """Return the p-value of "the mean is above zero". Equal differences have no spread to compare with; then it is what a
    test of signs would give, 2 to the minus pairs.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        p = stdtr(pairs - 1, -mean / error)
    return np.where(error > _NOTHING * np.abs(mean), p, np.where(mean > 0, 0.5**pairs, 1.0))


def _highest(mean: Floats, error: Floats, pairs: int, level: float) -> Floats:
    """Return the upper end of the one-sided interval of the mean at 1 - `level`. Where no pair differs at all it is zero:
    what is the same in every round is not worse. Other differences without a spread count once signs alone would do.
    """
    same = np.where(mean == 0, 0.0, mean if 0.5**pairs <= level else np.inf)
    return np.where(error > _NOTHING * np.abs(mean), mean + stdtrit(pairs - 1, 1 - level) * error, same)


def _shifted(p: Floats, mean: Floats, margin: Floats, alpha: float) -> Bools:
    """Return which of the last axis are shown to have shifted, and by the tolerance at least."""
    return _holm(p, alpha) & (mean >= margin) & (mean > 0)


def _holm(p: Floats, alpha: float) -> Bools:
    """Return which of the last axis Holm's procedure rejects at `alpha`."""
    count = p.shape[-1]
    left = count - np.arange(count)
    order = np.argsort(p, axis=-1)
    fine = np.take_along_axis(p, order, axis=-1) <= alpha / left
    fine = np.logical_and.accumulate(fine, axis=-1)
    rejected = np.zeros(p.shape, np.bool_)
    np.put_along_axis(rejected, order, fine, axis=-1)
    return rejected


@dataclass(frozen=True)
class LineVerdict:
    """What became of one line. Amounts are on the scale of `Measure.worse`; `base` and `head` are `Measure.typical` of the rounds
    in the metric's unit; `confidence` is that of the interval, which holds wherever the gate stopped.
    """

    measure: Measure
    word: Word
    pairs: int
    base: float | None
    head: float | None
    worse: float | None
    low: float | None
    high: float | None
    margin: float | None
    p: float | None
    why: str = ""


@dataclass(frozen=True)
class Judgement:
    """What a gate shows so far: `settled` when more pairs would not be looked at."""

    lines: tuple[LineVerdict, ...]
    pairs: int
    settled: bool

    @property
    def exit_code(self) -> int:
        """1 when something regressed, 0 when everything is shown not to be worse, else 4."""
        words = [line.word for line in self.lines]
        if "regressed" in words:
            return 1
        return 0 if words and all(word in {"improved", "equivalent", "not worse"} for word in words) else 4


def judge(lines: Sequence[Line], looks: Looks, alpha: float = SPENT) -> Judgement:
    """Judge lines of equally many pairs by every look that they reach, in order, and stop at the first that settles it.

    A pair counts for a line when both its rounds have the number. A line with a pair that does not count can regress, but
    never pass.
    """
    there = len(lines[0].base) if lines else 0
    reached = [pairs for pairs in looks.pairs if pairs <= there]
    passed: set[str] = set()
    verdicts: tuple[LineVerdict, ...] = tuple(_one(line, there, None, "cannot tell", "too few pairs") for line in lines)
    for pairs in reached:
        verdicts = tuple(_judge_at(lines, pairs, looks.share(pairs), alpha, passed))
        passed |= {
            verdict.measure.label for verdict in verdicts if verdict.word in {"equivalent", "not worse", "improved"}
        }
        judgement = Judgement(verdicts, pairs, settled=True)
        if judgement.exit_code in {0, 1}:
            return judgement
    return Judgement(verdicts, there, settled=bool(reached) and reached[-1] == looks.most)


def _judge_at(lines: Sequence[Line], pairs: int, share: float, alpha: float, passed: set[str]) -> list[LineVerdict]:
    cut = [_first(line, pairs) for line in lines]
    shown = [_look_at(line, pairs, share, alpha) for line in cut]
    mean, margin, p_worse, p_better = (
        np.array([float(getattr(one, name)[0]) if one else nothing for one in shown])
        for name, nothing in (("mean", 0.0), ("margin", 0.0), ("p_worse", 1.0), ("p_better", 1.0))
    )
    regressed = _shifted(p_worse, mean, margin, alpha * share)
    improved = _shifted(p_better, -mean, margin, alpha * share)
    found = []
    for place, (line, one) in enumerate(zip(cut, shown, strict=True)):
        count = int(line.complete.sum())
        if one is None:
            why = f"{pairs - count} of {pairs} pairs have no number on one side"
            found.append(_one(line, count, None, "missing", why))
            continue
        word: Word = "cannot tell"
        if regressed[place]:
            word = "regressed"
        elif improved[place]:
            word = "improved"
        elif one.equivalent[0]:
            word = "equivalent"
        elif one.not_worse[0] or line.measure.label in passed:
            word = "not worse"
        why = "" if word != "cannot tell" else _open_question(line.measure, one)
        if count < pairs and word != "regressed":
            word, why = "missing", f"{pairs - count} of {pairs} pairs have no number on one side"
        found.append(_one(line, count, one, word, why))
    return found


def _look_at(line: Line, pairs: int, share: float, alpha: float) -> Shown | None:
    """Look at the pairs that have both numbers; None when they are too few."""
    fine = line.complete
    if int(fine.sum()) < max(min(LEAST_PAIRS, pairs), ENOUGH * pairs):
        return None
    rows = None if line.rows is None else line.rows[fine][:, None]
    return look([line.measure], line.base[fine][:, None], line.head[fine][:, None], share, alpha, rows=rows)


def _first(line: Line, pairs: int) -> Line:
    rows = None if line.rows is None else line.rows[:pairs]
    return Line(line.measure, line.base[:pairs], line.head[:pairs], rows)


def _open_question(measure: Measure, one: Shown) -> str:
    low, high, margin = float(one.low[0]), float(one.high[0]), float(one.margin[0])
    shown = _percent if measure.relative else _amount
    return f"anything from {shown(low)} to {shown(high)} worse fits the rounds, and {shown(margin)} is tolerated"


def _percent(log_ratio: float) -> str:
    return f"{math.expm1(log_ratio) * 100:+.1f} %"


def _amount(difference: float) -> str:
    return f"{difference:+.3g}"


def _one(line: Line, pairs: int, shown: Shown | None, word: Word, why: str) -> LineVerdict:
    fine = line.complete
    base = line.measure.typical(line.base[fine]) if fine.any() else None
    head = line.measure.typical(line.head[fine]) if fine.any() else None
    if shown is None:
        return LineVerdict(line.measure, word, pairs, base, head, None, None, None, None, None, why)
    parts = (shown.mean, shown.low, shown.high, shown.margin, shown.p_worse)
    worse, low, high, margin, p = (float(part[0]) for part in parts)
    return LineVerdict(line.measure, word, pairs, base, head, worse, low, high, margin, p, why)
