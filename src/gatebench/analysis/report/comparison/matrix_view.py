"""The matrix of a suite in words: a column a side, a line a question, each cell leading to the round that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gatebench.analysis.comparison.comparison import Comparison
from gatebench.analysis.comparison.matrix import Answer, Asked, matrix
from gatebench.analysis.report.words import THIN, interval, quantity
from gatebench.comparing.contrast import Typical

ONE_ROUND: Final = "one round"
_PER_REQUEST: Final = "/request"


@dataclass(frozen=True)
class MatrixCell:
    """What stands in a cell: `text`, `small` print under it, where its round's report is, and what it is sorted by."""

    text: str
    small: str
    status: str
    link: str
    key: float | None
    note: str


@dataclass(frozen=True)
class MatrixLine:
    """One side with its cells, in the order of the questions."""

    label: str
    cells: tuple[MatrixCell, ...]


@dataclass(frozen=True)
class MatrixView:
    """The table: questions, lines, and every note once."""

    asked: tuple[Asked, ...]
    lines: tuple[MatrixLine, ...]
    one_round: bool

    @property
    def notes(self) -> list[str]:
        """Why cells are empty or bounds, each sentence once, in the order of reading."""
        return list(dict.fromkeys(cell.note for line in self.lines for cell in line.cells if cell.note))


def view(found: Comparison) -> MatrixView | None:
    """Return the matrix of the suite; None when the comparison is no suite's."""
    asked = matrix(found.material, found.rows)
    if not asked:
        return None
    lines = tuple(
        MatrixLine(label, tuple(cell(one, one.answers[place]) for one in asked))
        for place, label in enumerate(found.labels)
    )
    most = [answer.typical.rounds for one in asked for answer in one.answers if answer.typical is not None]
    return MatrixView(asked, lines, max(most, default=0) <= 1)


def cell(asked: Asked, answer: Answer) -> MatrixCell:
    """Return one answer in words."""
    link = answer.shown_by.link if answer.shown_by is not None else ""
    if not answer.applies:
        return MatrixCell("n/a", "", "na", "", None, _sentence(answer.why))
    unit = asked.unit.removesuffix(_PER_REQUEST)
    if answer.typical is not None:
        text = quantity(answer.typical.median, unit)
        return MatrixCell(text, _small(answer, answer.typical, unit), "known", link, answer.size, _sentence(answer.why))
    if answer.beyond is not None:
        return MatrixCell(
            f"≥{THIN}{quantity(answer.beyond, unit)}", "", "censored", link, answer.size, _sentence(answer.why)
        )
    return MatrixCell("unknown", "", "unknown", link, None, _sentence(answer.why))


def _small(answer: Answer, middle: Typical, unit: str) -> str:
    """Return the interval between rounds; of a single round the one within it, and that it is only that."""
    if middle.low is not None and middle.high is not None:
        return "" if middle.low == middle.high else interval(middle.low, middle.high, unit)
    if answer.within is not None and len({quantity(end, unit) for end in answer.within}) > 1:
        return f"{ONE_ROUND}: {interval(*answer.within, unit)}"
    return ONE_ROUND


def _sentence(why: str) -> str:
    return f"{why[:1].upper()}{why[1:].rstrip('.')}." if why else ""
