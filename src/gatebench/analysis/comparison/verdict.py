"""What a comparison shows, in a sentence: facts first, no praise, and never more than its intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from gatebench.analysis.comparison.material import Material
from gatebench.analysis.comparison.rows import Row
from gatebench.analysis.wording import count
from gatebench.comparing.contrast import Contrast
from gatebench.comparing.order import SIDES_OF_A_PAIR

Word = Literal["compared", "one side", "one round", "incomplete"]
_NAMED: Final = ("ms", "s", "1/s", "MB", "bytes")
_FINE: Final = 0.005


@dataclass(frozen=True)
class Finding:
    """What is found of one side against the first, over the rows that matter."""

    head: str
    base: str
    over: str
    better: tuple[str, ...]
    worse: tuple[str, ...]
    open: int
    missing: int

    @property
    def sentence(self) -> str:
        """It in words: how many numbers are shown to be better and worse."""
        total = len(self.better) + len(self.worse) + self.open
        if not total:
            return f"{self.head} and {self.base} have no number in common."
        if not self.better and not self.worse:
            return f"{self.head} against {self.base} over {self.over}: none of {total} numbers is shown to differ."
        parts = [
            f"better in {len(self.better)}" if self.better else "",
            f"worse in {len(self.worse)}" if self.worse else "",
        ]
        told = " and ".join(part for part in parts if part)
        return f"{self.head} against {self.base} over {self.over}: {told} of {total} numbers{'' if self.open else ', and none is open'}."

    @property
    def largest(self) -> str:
        """The largest relative changes in words, one to the better and one to the worse; empty when nothing is shown."""
        parts = [f"Most to the better: {self.better[0]}." if self.better else ""]
        parts += [f"Most to the worse: {self.worse[0]}." if self.worse else ""]
        return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class Verdict:
    """What the comparison as a whole shows; `word` says what kind of thing it is."""

    word: Word
    findings: tuple[Finding, ...]
    sentence: str

    @property
    def exit_code(self) -> int:
        """0 when it could be told, 3 when rounds that were asked for are missing, 4 when one round cannot tell."""
        return {"compared": 0, "one side": 0, "one round": 4, "incomplete": 3}[self.word]


def judge(material: Material, rows: Sequence[Row]) -> Verdict:
    """Return what the rows that matter show."""
    labels = [party.label for party in material.parties]
    counts = {(scenario, side): len(material.of(scenario, side)) for scenario in material.scenarios for side in labels}
    empty = [
        f"{side} in {scenario}"
        for (scenario, side), found in counts.items()
        if not found and _asked(material, scenario, side)
    ]
    findings = tuple(_finding(material, rows, place) for place in range(1, len(labels)))
    if not any(counts.values()) and material.kind == "compare" and not empty:
        return Verdict("incomplete", findings, "No scenario applies to any of these targets: nothing was played.")
    sentence = " ".join(finding.sentence for finding in findings)
    if empty:
        return Verdict(
            "incomplete", findings, f"No valid round of {', '.join(empty)}: there is nothing to compare there."
        )
    short = [
        f"{scenario}: {pairs} of {material.pairs}"
        for scenario in material.scenarios
        if (pairs := complete(material, scenario)) < material.pairs
    ]
    if len(labels) == 1:
        rounds = "; ".join(f"{counts[scenario, labels[0]]} of {scenario}" for scenario in material.scenarios)
        return Verdict("incomplete" if short else "one side", (), f"{labels[0]}, valid rounds: {rounds}.")
    if short and material.kind == "compare" and material.pairs:
        return Verdict(
            "incomplete", findings, f"Fewer pairs are complete than were asked for ({'; '.join(short)}). {sentence}"
        )
    if max(counts.values()) == 1:
        told = f"One round each of {_list(labels)}, no between-run interval: what differs cannot be told from chance."
        return Verdict("one round", findings, f"{told} More rounds would tell.")
    return Verdict("compared", findings, sentence)


def complete(material: Material, scenario: str) -> int:
    """Return in how many pairs of a scenario every side has a round that counts; of more than two sides, how many rounds each has,
    for one that lacks a round plays it again without the others.
    """
    sides = [
        {one.pair for one in material.of(scenario, party.label)}
        for party in material.parties
        if material.applies(scenario, party.label)
    ]
    if len(material.parties) > SIDES_OF_A_PAIR:
        return min((len(side) for side in sides), default=material.pairs)
    return len(set.intersection(*sides)) if sides else material.pairs


def change(found: Contrast, unit: str) -> str:
    """Return a difference in words: −12.3 % (−15.1 to −9.4), or in the unit of the number; counts need none."""
    if found.change == 0 and not found.low and not found.high:
        return "the same"
    ends = [end for end in (found.low, found.high) if end is not None]
    (middle, *outer), tail = _amounts([found.change, *ends], unit, relative=found.relative)
    if not outer:
        return f"{middle}{tail}"
    if found.low == found.high:
        return f"{middle}{tail} in every pair"
    return f"{middle}{tail} ({outer[0]} to {outer[1]})"


def scope(row: Row, *, many: bool) -> str:
    """Return which number a row is, in words: its title, its phase, and where there are several its scenario."""
    parts = [row.title[:1].lower() + row.title[1:] if row.title[1:2].islower() else row.title]
    parts += [f"in {row.phase}"] if row.phase else []
    parts += [f"of {row.scenario}"] if many else []
    return " ".join(parts)


def _asked(material: Material, scenario: str, side: str) -> bool:
    return any((one.scenario, one.side) == (scenario, side) for one in material.taken)


def _finding(material: Material, rows: Sequence[Row], place: int) -> Finding:
    labels = [party.label for party in material.parties]
    many = len({row.scenario for row in rows}) > 1
    better: list[tuple[float, str]] = []
    worse: list[tuple[float, str]] = []
    opened, missing = 0, 0
    for row in rows:
        if not row.matters or row.better == "neither":
            continue
        found, winner = row.contrasts[place], row.winner(place)
        if found is None:
            missing += 1
        elif winner is None:
            opened += 1
        else:
            size = abs(found.change) if found.relative else 0.0
            (better if winner == "head" else worse).append((size, f"{scope(row, many=many)} {change(found, row.unit)}"))
    ordered = [tuple(words for _, words in sorted(side, key=lambda one: -one[0])) for side in (better, worse)]
    return Finding(
        labels[place], labels[0], _over(material, labels[0], labels[place]), ordered[0], ordered[1], opened, missing
    )


def _over(material: Material, base: str, head: str) -> str:
    """Return over how many pairs or rounds two sides are compared, in words; of several scenarios the fewest."""
    least = []
    for scenario in material.scenarios:
        sides = [{one.pair for one in material.of(scenario, side)} for side in (base, head)]
        if all(sides):
            pairs, rounds = len(set.intersection(*sides)), len(sides[0]) + len(sides[1])
            least.append((pairs, count(pairs, "pair") if pairs else f"{rounds} unpaired rounds"))
    return min(least)[1] if least else "no round"


def _amounts(values: Sequence[float], unit: str, *, relative: bool) -> tuple[list[str], str]:
    """Return differences with their signs, and the unit that stands behind the first."""
    if relative:
        shown, tail = [f"{math.expm1(value) * 100:+.1f}" for value in values], " %"
    elif unit == "share":
        places = 2 if max(abs(value) for value in values) >= _FINE else 3
        shown, tail = [f"{value * 100:+.{places}f}" for value in values], " pp"
    else:
        shown, tail = [f"{value:+.3g}" for value in values], f" {unit}" if unit in _NAMED else ""
    return [text.replace("-", "−", 1) for text in shown], tail


def _list(words: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)
