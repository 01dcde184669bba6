"""Reads a recorded load from CSV, with every problem at once, and keeps its rows in the run folder."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from gatebench.errors import Problem

_NS: Final = 1_000_000_000
_DRAWN: Final = -1
_COLUMNS: Final = ("timestamp", "route", "tenant", "size")
_MOST_SHOWN: Final = 5
_MOST_SIZE: Final = 64 * 2**20

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TraceRows:
    """The arrivals of a trace: nanoseconds from the first, and route, tenant (positions) and size (bytes), -1 for "drawn"."""

    due_ns: Ints
    route: Ints
    tenant: Ints
    size: Ints

    def write(self, path: Path) -> None:
        """Write the rows for `load`."""
        with path.open("wb") as file:
            np.savez_compressed(file, due_ns=self.due_ns, route=self.route, tenant=self.tenant, size=self.size)

    @classmethod
    def load(cls, path: Path) -> TraceRows:
        """Read what `write` left."""
        with np.load(path, allow_pickle=False) as kept:
            return cls(kept["due_ns"], kept["route"], kept["tenant"], kept["size"])


def digest_of(path: Path) -> str:
    """Return the digest of a file, by which a run names its trace."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def read_trace(path: Path, routes: Sequence[str], tenants: Sequence[str]) -> tuple[TraceRows | None, list[Problem]]:
    """Return the rows of a trace, or None and everything that is wrong with the file.

    Its head names the columns: `timestamp` (seconds as a decimal, or ISO 8601; in order; the first is time zero), and
    optionally `route` and `tenant` (names of the scenario's traffic) and `size` (bytes of the request's body). An empty
    cell is drawn.
    """
    where = path.name
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return _Reader(where, routes, tenants).read(csv.reader(file))
    except OSError as error:
        return None, [Problem(where, f"cannot be read: {error.strerror}.", "Correct the name in trace(…).")]
    except (UnicodeDecodeError, csv.Error) as error:
        return None, [Problem(where, f"is not CSV: {error}.", "Save it as UTF-8 with one arrival a line.")]


class _Lines(Protocol):
    """What csv.reader returns."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


class _Reader:
    def __init__(self, where: str, routes: Sequence[str], tenants: Sequence[str]) -> None:
        self._where = where
        self._routes = {name: code for code, name in enumerate(routes)}
        self._tenants = {name: code for code, name in enumerate(tenants)}
        self._wrong: dict[str, list[tuple[int, str]]] = {}
        self._cures: dict[str, str] = {}

    def read(self, lines: _Lines) -> tuple[TraceRows | None, list[Problem]]:
        head = [name.strip() for name in next(lines, [])]
        problems = self._head_problems(head)
        if problems:
            return None, problems
        place = {name: head.index(name) for name in head}
        rows: list[tuple[int, int, int, int]] = []
        zero: int | None = None
        before = 0
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            cell = {name: cells[index].strip() if index < len(cells) else "" for name, index in place.items()}
            at = self._time(cell["timestamp"], lines.line_num)
            if at is None:
                continue
            zero = at if zero is None else zero
            if at < before:
                cure = "Sort the file by its timestamps: `(head -1 F; tail -n +2 F | sort -t, -k1,1n) > sorted.csv`."
                self._say(lines.line_num, "is earlier than the line before it", cell["timestamp"], cure)
            before = max(before, at)
            rows.append((at - zero, *self._whom(cell, lines.line_num)))
        if not rows and not self._wrong:
            return None, [Problem(self._where, "holds no arrival.", "Put one arrival on each line below the head.")]
        if self._wrong:
            return None, self._problems()
        table = np.array(rows, dtype=np.int64)
        return TraceRows(*(np.ascontiguousarray(table[:, column]) for column in range(4))), []

    def _head_problems(self, head: list[str]) -> list[Problem]:
        known = ", ".join(_COLUMNS)
        if "timestamp" not in head:
            what = f"has no column timestamp; its first line is {','.join(head)[:80]!r}."
            return [Problem(f"{self._where}:1", what, f"Name the columns there: {known}.")]
        return [
            Problem(f"{self._where}:1", f'the column "{name}" is not known.', f"The columns are: {known}.")
            for name in head
            if name not in _COLUMNS
        ] + [
            Problem(f"{self._where}:1", f'the column "{name}" stands there twice.', "Remove one of them.")
            for name in sorted({name for name in head if head.count(name) > 1})
        ]

    def _whom(self, cell: dict[str, str], line: int) -> tuple[int, int, int]:
        return (
            self._name(cell.get("route", ""), self._routes, "route", line),
            self._name(cell.get("tenant", ""), self._tenants, "tenant", line),
            self._size(cell.get("size", ""), line),
        )

    def _name(self, text: str, known: dict[str, int], kind: str, line: int) -> int:
        if text and text not in known:
            self._say(line, f"names a {kind} that the scenario has not", text, f"Its {kind}s are: {', '.join(known)}.")
        return known.get(text, _DRAWN)

    def _size(self, text: str, line: int) -> int:
        if not text:
            return _DRAWN
        if not text.isdecimal() or not 0 < int(text) <= _MOST_SIZE:
            self._say(line, "has a size that is none", text, f"Write bytes, from 1 to {_MOST_SIZE}.")
            return _DRAWN
        return int(text)

    def _time(self, text: str, line: int) -> int | None:
        """Return nanoseconds from the epoch of whatever clock the trace was taken with."""
        for reader in _CLOCKS:
            try:
                return reader(text)
            except (ValueError, InvalidOperation, OverflowError):
                continue
        cure = "Write seconds (12.345) or a date with a time (2026-11-20T12:00:00.345Z)."
        self._say(line, "has a timestamp that is none", text, cure)
        return None

    def _say(self, line: int, what: str, shown: str, cure: str) -> None:
        self._wrong.setdefault(what, []).append((line, shown))
        self._cures[what] = cure

    def _problems(self) -> list[Problem]:
        """Return each line's problem, the first few of a kind, and how many more there are."""
        found = []
        for what, lines in self._wrong.items():
            found += [
                Problem(f"{self._where}:{line}", f'"{shown[:40]}" {what}.', self._cures[what])
                for line, shown in lines[:_MOST_SHOWN]
            ]
            if len(lines) > _MOST_SHOWN:
                more = len(lines) - _MOST_SHOWN
                found.append(Problem(self._where, f"{more} more lines: each {what}.", self._cures[what]))
        return found


def _seconds(text: str) -> int:
    value = Decimal(text)
    if not value.is_finite():
        raise ValueError(text)
    return int((value * _NS).to_integral_value())


def _date(text: str) -> int:
    at = datetime.fromisoformat(text)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


_CLOCKS: Final[tuple[Callable[[str], int], ...]] = (_seconds, _date)
