"""What a gate found, in plain data: what its exporters write, whatever it was that was compared."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Literal

from scipy.special import stdtrit

from gatebench.comparing.amounts import change, interval, tolerated
from gatebench.comparing.checks import CheckVerdict
from gatebench.comparing.judging import LineVerdict, Word
from gatebench.comparing.looks import ALPHA, MISSING, PASSING

How = Literal["interleaved", "stored", "pytest-benchmark"]
BAD: Final = frozenset({"regressed"})
OPEN: Final = frozenset({"cannot tell", "missing"})
_MOST: Final = 200
ORDER: Final[tuple[Word, ...]] = ("regressed", "missing", "cannot tell", "improved", "not worse", "equivalent")


@dataclass(frozen=True)
class Gated:
    """One gate: what was compared (`subject`), the two sides in words, what each number and check showed, and the exit code.

    `planned` is the number of pairs that were asked for, `pairs` that of complete ones; `reasons` say why the measurement
    cannot be trusted (3), what did not start (5) or that it was interrupted (130); `notes` what has to be read with the
    numbers. `place` is the file of the repository that an annotation stands beside. `looks` are (pairs, share) of every look.
    """

    subject: str
    base: str
    head: str
    how: How
    lines: tuple[LineVerdict, ...]
    checks: tuple[CheckVerdict, ...]
    pairs: int
    planned: int
    code: int
    looks: tuple[tuple[int, float], ...] = ()
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    place: str = ""
    took_s: float | None = None
    folder: str = ""
    command: tuple[str, ...] = field(default=())

    @property
    def ordered(self) -> tuple[LineVerdict, ...]:
        """The lines, the worst first."""
        return tuple(sorted(self.lines, key=lambda line: ORDER.index(line.word)))

    @property
    def verdict(self) -> str:
        """The exit code in a word."""
        words = {0: "no regression", 1: "regressed", 3: "not trustworthy", 4: "cannot tell", 5: "not started"}
        return words.get(self.code, "interrupted")


def headline(gated: Gated) -> str:
    """Return what the gate found in one sentence."""
    if gated.code in {3, 5, 130}:
        return " ".join(gated.reasons[:1]) or "The gate did not come to an end."
    if gated.code == 1:
        return _what(gated, BAD) + " " + _after(gated)
    if gated.code == 4:
        return _what(gated, OPEN) + " " + _after(gated)
    better = [line.measure.label for line in gated.lines if line.word == "improved"]
    also = f" {', '.join(better)} became better." if better else ""
    return f"Nothing became worse by as much as is tolerated.{also} {_after(gated)}"


def advice(gated: Gated) -> list[str]:
    """Return what to do about it, one sentence each; nothing where there is nothing to do."""
    if gated.code == 1:
        where = f" The rounds of both are in {gated.folder}." if gated.folder else ""
        return [f"Look at what head changed.{where} If the change is meant, widen the tolerance and say why."]
    if gated.code == 3:
        return [*gated.reasons[1:], "Repeat it on a machine that does nothing else, or with a lower rate."]
    if gated.code != 4:
        return list(gated.reasons[1:])
    found = []
    missing = [line.measure.label for line in gated.lines if line.word == "missing"]
    if missing:
        found.append(
            f"A number that is missing is never a pass: make rounds on both sides that have {', '.join(missing)}."
        )
    unclear = [line for line in gated.lines if line.word == "cannot tell"]
    if unclear:
        found.append(_more_pairs(gated, unclear))
        wider = [text for line in unclear if (text := _wider(line))]
        if wider:
            found.append(f"Or tolerate more: {', '.join(wider)} would have let these rounds pass.")
        found.append("Or have less noise: nothing else on the machine, longer phases, a lower rate.")
    if any(check.word == "cannot tell" for check in gated.checks):
        found.append("A check that fails in head alone is never a pass: more pairs show whether it is chance.")
    if not gated.lines:
        found.append("There was no number to compare: name one with --tolerance.")
    return found


def _what(gated: Gated, words: frozenset[str]) -> str:
    """Return a sentence for the first line or check of these words, and how many more there are."""
    found = [_of_line(line) for line in gated.ordered if line.word in words]
    found += [f"“{check.sentence}”: {check.why}." for check in gated.checks if check.word in words]
    if not found:
        return "There was nothing to judge."
    more = f" And {len(found) - 1} more." if len(found) > 1 else ""
    lead = "Regressed" if words == BAD else "Cannot tell"
    return f"{lead}: {found[0]}{more}"


def _of_line(line: LineVerdict) -> str:
    name = line.measure.title + (f" in {line.measure.phase}" if line.measure.phase else "")
    if line.word == "missing" or line.worse is None:
        return f"{name}: {line.why}."
    if line.word == "regressed":
        return f"{name} changed by {change(line)} ({interval(line)}), and {tolerated(line)} is tolerated."
    return f"{name} changed by {interval(line)}, and {tolerated(line)} is tolerated."


def _after(gated: Gated) -> str:
    if gated.how == "pytest-benchmark":
        return f"{gated.pairs} pairs of files." if gated.pairs > 1 else "One file on each side."
    early = f" of {gated.planned}" if gated.pairs < gated.planned else ""
    return (
        f"Shown by {gated.pairs}{early} pairs of rounds." if gated.code in {0, 1} else f"{gated.pairs} pairs of rounds."
    )


def _more_pairs(gated: Gated, unclear: list[LineVerdict]) -> str:
    """Return how many pairs would do, as far as these tell."""
    needed = [_needed(gated, line) for line in unclear]
    if not all(needed):
        return f"Make more pairs (these do not show how many would do; it would be more than {_MOST})."
    most = max(number for number in needed if number)
    return f"Make more pairs: about {max(most, gated.pairs + 1)} would do, if the rounds go on like these."


def _needed(gated: Gated, line: LineVerdict) -> int | None:
    """Return after how many pairs the interval is narrow enough to show what the mean says: Student's t at the last look."""
    if line.worse is None or line.high is None or line.margin is None or line.pairs < 2:
        return None
    shares = dict(gated.looks)
    share = shares.get(line.pairs, 1.0)
    spread = (line.high - line.worse) * math.sqrt(line.pairs) / float(stdtrit(line.pairs - 1, 1 - MISSING * share / 2))
    last = max(shares.values(), default=1.0)
    room, level = (line.margin - line.worse, PASSING) if line.worse < line.margin else (line.worse, ALPHA)
    for pairs in range(max(line.pairs, 2), _MOST + 1, 2):
        if float(stdtrit(pairs - 1, 1 - level * last)) * spread / math.sqrt(pairs) <= room:
            return pairs
    return None


def _wider(line: LineVerdict) -> str:
    """Return the tolerance that the upper end of the interval would have stayed under, as it is written."""
    if line.high is None or not math.isfinite(line.high) or line.high <= 0:
        return ""
    if line.measure.relative:
        share = math.expm1(line.high) if line.measure.better == "lower" else -math.expm1(-line.high)
        return f"{line.measure.label}={math.ceil(share * 100)}%" if share < 1 else ""
    unit = line.measure.unit
    if unit == "share":
        return f"{line.measure.label}={math.ceil(line.high * 1000) / 10:g}pp"
    return f"{line.measure.label}={float(f'{line.high * 1.005:.2g}'):g}{unit if unit in {'ms', 's'} else ''}"
