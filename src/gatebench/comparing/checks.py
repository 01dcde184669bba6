"""A scenario's checks over the pairs of a gate: what passes in base and fails in head, and whether chance would do that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import bdtrc

from gatebench.comparing.line import Floats
from gatebench.comparing.looks import Looks

CheckWord = Literal["regressed", "improved", "not worse", "cannot tell"]
Signs = npt.NDArray[np.int64]
CHECKS_ALPHA: Final = 0.002
"""Chance that any check alarms when nothing became worse: ten pairs of ten, or nine of nine that disagree, are shown."""

_ALL: Final = 14
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


def judge_checks(
    checks: Sequence[CheckRounds], looks: Looks, pairs: int, alpha: float = CHECKS_ALPHA
) -> list[CheckVerdict]:
    """Judge every check after `pairs` pairs; red is shown at the last look only, for before no number of pairs could.

    The exact one-sided McNemar test ("Note on the Sampling Error of the Difference between Correlated Proportions or
    Percentages", Psychometrika 12, 1947): of the pairs in which base and head disagree, as many as `broke` or more have
    the head fail with the binomial probability at one half. Over all checks by the distribution of their smallest p-value
    when the sides of pairs are exchanged in every way (Westfall and Young, "Resampling-Based Multiple Testing", 1993), so
    that checks which fail together count as one, and checks which never disagree take nothing from the others. What broke
    more often than it healed and is not shown cannot be told, and is never let pass.
    """
    last = pairs >= looks.most and bool(checks)
    worse = adjusted([_signs(check, pairs) for check in checks]) if last else np.ones(len(checks))
    better = adjusted([-_signs(check, pairs) for check in checks]) if last else np.ones(len(checks))
    return [
        _verdict(check, pairs, bool(red <= alpha), bool(green <= alpha))
        for check, red, green in zip(checks, worse, better, strict=True)
    ]


def p_value(broke: int, healed: int) -> float:
    """Return the chance that of `broke + healed` disagreements `broke` or more fall on the head's side, were the sides alike."""
    return float(_tail(np.array(broke), np.array(broke + healed)))


def adjusted(signs: Sequence[Signs]) -> Floats:
    """Return the p-value of each check, adjusted for the number of them; `signs` hold 1 where a pair broke, -1 where it healed.

    All exchanges of sides are tried up to 14 pairs, 16 384 seeded ones beyond.
    """
    table = np.stack(signs).astype(np.int64)
    pairs, disagreements = table.shape[1], np.abs(table).sum(axis=1)
    exchanges = _exchanges(pairs)
    broke = (exchanges @ table.T + disagreements) // 2
    smallest = _tail(broke, disagreements).min(axis=1)
    own = _tail((table.sum(axis=1) + disagreements) // 2, disagreements)
    return np.asarray((smallest[:, None] <= own * (1 + 1e-9)).mean(axis=0))


def _exchanges(pairs: int) -> npt.NDArray[np.int64]:
    if pairs <= _ALL:
        bits = np.arange(2**pairs)[:, None] >> np.arange(pairs)
        return np.asarray(1 - 2 * (bits & 1), np.int64)
    drawn = 1 - 2 * np.random.default_rng(1).integers(0, 2, (2**_ALL, pairs))
    drawn[0] = 1  # what was seen is one of them
    return np.asarray(drawn, np.int64)


def _tail(broke: npt.NDArray[np.int64], disagreements: npt.NDArray[np.int64]) -> Floats:
    return np.asarray(np.where(broke > 0, bdtrc(np.maximum(broke, 1) - 1, np.maximum(disagreements, 1), 0.5), 1.0))


def _signs(check: CheckRounds, pairs: int) -> Signs:
    both = zip(check.base[:pairs], check.head[:pairs], strict=True)
    return np.array([{("pass", "fail"): 1, ("fail", "pass"): -1}.get(pair, 0) for pair in both], np.int64)


def _verdict(check: CheckRounds, pairs: int, regressed: bool, improved: bool) -> CheckVerdict:
    broke, healed = check.count("pass", "fail", pairs), check.count("fail", "pass", pairs)
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
