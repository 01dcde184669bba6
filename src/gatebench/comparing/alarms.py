"""How often a rule alarms where nothing changed: counted, with the exact interval of what was counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatebench.comparing.judging import Judgement, judge
from gatebench.comparing.line import Floats, Line
from gatebench.comparing.looks import SPENT, Looks
from gatebench.stats import clopper_pearson


@dataclass(frozen=True)
class Counted:
    """So many of so many, and the ends of the exact 95 % interval of the share behind it (Clopper and Pearson, 1934)."""

    count: int
    of: int
    low: float
    high: float


def counted(count: int, of: int) -> Counted:
    """Return the count with its interval; of none at all the share is anything from 0 to 1."""
    interval = clopper_pearson(count, of)
    return Counted(count, of, interval.low, interval.high)


def consecutive(lines: Sequence[Line], looks: Looks, alpha: float = SPENT) -> list[Judgement]:
    """Return what gates find that were made one after the other of the lines' pairs: each begins where the one before it
    stopped, and the last, which ran out of pairs before it knew, is none. No pair is in two gates, so what they find is independent
    but for the machine's mood.
    """
    there = len(lines[0].base) if lines else 0
    found: list[Judgement] = []
    begin = 0
    while begin < there:
        part = slice(begin, begin + looks.most)
        cut = [
            Line(one.measure, one.base[part], one.head[part], None if one.rows is None else one.rows[part])
            for one in lines
        ]
        gate = judge(cut, looks, alpha)
        if not gate.settled:
            break
        found.append(gate)
        begin += gate.pairs
    return found


def plain_rule(base: Floats, head: Floats, factor: float = 1.1) -> npt.NDArray[np.bool_]:
    """Return in which pairs the rule that many begin with would alarm: the head's number is more than `factor` times the
    base's. Pairs without both numbers are left out; (pairs,) → (complete pairs,).
    """
    both = np.isfinite(base) & np.isfinite(head)
    return np.asarray(head[both] > factor * base[both])
