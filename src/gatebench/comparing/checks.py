"""A scenario's checks over the pairs of a gate: what passes in base and fails in head, and whether chance would do that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from scipy.special import bdtrc

from gatebench.comparing.looks import ALPHA, Looks

CheckWord = Literal["regressed", "improved", "not worse", "cannot tell"]
_JUDGED: Final = frozenset({"pass", "fail"})


@dataclass(frozen=True)
class CheckRounds:
    """What one check said in each pair, in the order of time: pass, fail, unknown, n/a, or empty where it is not there."""

    sentence: str
    base: tuple[str, ...]
    head: tuple[str, ...]

    def count(self, base: str, head: str, pairs: int) -> int:
        """Return in how many of the first `pairs` pairs base and head said these."""
        return sum(pair == (base, head) for pair in zip(self.base[:pairs], self.head[:pairs], strict=True))

    def silent(self, pairs: int) -> int:
        """Return in how many pairs more the head's check says nothing where the base's passes, than the other way round."""
        both = list(zip(self.base[:pairs], self.head[:pairs], strict=True))
        lost = sum(base == "pass" and head not in _JUDGED for base, head in both)
        return lost - sum(head == "pass" and base not in _JUDGED for base, head in both)


@dataclass(frozen=True)
class CheckVerdict:
    """What became of one check: in how many pairs it `broke` (base passes, head fails) and `healed`, and p of so many."""

    sentence: str
    word: CheckWord
    pairs: int
    broke: int
    healed: int
    base_failed: int
    head_failed: int
    p: float
    why: str


def judge_checks(checks: Sequence[CheckRounds], looks: Looks, pairs: int, alpha: float = ALPHA) -> list[CheckVerdict]:
    """Judge every check after `pairs` pairs, by every look that they reach.

    The exact one-sided McNemar test ("Note on the Sampling Error of the Difference between Correlated Proportions or
    Percentages", Psychometrika 12, 1947): of the pairs in which base and head disagree, as many as `broke` or more have
    the head fail with the binomial probability at one half. Over the checks by Tarone's modification of Bonferroni for
    discrete data (Biometrics 46, 1990): a check that could not reach the level with its few disagreements takes nothing
    from the others. What broke more often than it healed and is not shown cannot be told, and is never let pass.
    """
    regressed: set[int] = set()
    healed: set[int] = set()
    for after, share in zip(looks.pairs, looks.shares, strict=True):
        if after <= pairs and not regressed:
            regressed = _shown([_broke(check, after) for check in checks], alpha * share)
            healed = _shown([_broke(check, after)[::-1] for check in checks], alpha * share)
    return [_verdict(check, pairs, place in regressed, place in healed) for place, check in enumerate(checks)]


def p_value(broke: int, healed: int) -> float:
    """Return the chance that of `broke + healed` disagreements `broke` or more fall on the head's side, were the sides alike."""
    return float(bdtrc(broke - 1, broke + healed, 0.5)) if broke else 1.0


def _broke(check: CheckRounds, pairs: int) -> tuple[int, int]:
    return check.count("pass", "fail", pairs), check.count("fail", "pass", pairs)


def _shown(counts: Sequence[tuple[int, int]], alpha: float) -> set[int]:
    """Return which of the (against, for) counts are shown at `alpha` over all of them together."""
    least = [0.5 ** sum(count) for count in counts]
    tests = next(k for k in range(1, len(counts) + 2) if sum(p <= alpha / k for p in least) <= k)
    return {place for place, count in enumerate(counts) if p_value(*count) <= alpha / tests}


def _verdict(check: CheckRounds, pairs: int, regressed: bool, improved: bool) -> CheckVerdict:
    broke, healed = _broke(check, pairs)
    base_failed = sum(word == "fail" for word in check.base[:pairs])
    head_failed = sum(word == "fail" for word in check.head[:pairs])
    p = p_value(broke, healed)
    word: CheckWord = "not worse"
    why = ""
    if regressed:
        word = "regressed"
    elif broke > healed or check.silent(pairs) > 0:
        word = "cannot tell"
    elif improved:
        word = "improved"
    if broke > healed:
        why = (
            f"{_counted(broke, pairs)} it passes in base and fails in head, in {healed} the other way round; "
            f"chance alone does this {_odds(p)} (exact McNemar test)"
        )
    elif word == "cannot tell":
        why = f"{_counted(check.silent(pairs), pairs)} it passes in base and says nothing in head"
    elif base_failed and head_failed:
        why = f"it fails in {base_failed} of {pairs} base rounds and in {head_failed} of head's: no regression, but no pass"
    return CheckVerdict(check.sentence, word, pairs, broke, healed, base_failed, head_failed, p, why)


def _counted(number: int, pairs: int) -> str:
    return f"in {number} of {pairs} pairs"


def _odds(p: float) -> str:
    """Return a probability as people count: once in 1 024."""
    return f"once in {math.floor(1 / p):,}".replace(",", " ") if p < 0.4 else f"in {p * 100:.0f} % of all cases"
