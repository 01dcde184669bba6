"""Reads a trace of measured latencies: a CSV file, every problem of it with its line, at once."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from gatebench.errors import ConfigurationError, Problem
from gatebench.latency import MeasuredLatency

MOST_ROWS: Final = 1_000_000
_MOST_MS: Final = 3_600_000.0
_MOST_PROBLEMS: Final = 50
_COLUMNS: Final = ("ttft_ms", "token_ms", "total_ms")


def filled(model: MeasuredLatency, folders: Iterable[Path]) -> MeasuredLatency:
    """Return `model` with the values of its file, looked for in `folders` in their order.

    ConfigurationError holds every problem of the file, each with its line.
    """
    candidates = [folder / model.path for folder in folders]
    path = next((candidate for candidate in candidates if candidate.is_file()), None)
    if path is None:
        places = " nor ".join(dict.fromkeys(str(candidate) for candidate in candidates))
        raise ConfigurationError([Problem(model.path, f"there is no file {places}.", "Correct the path.")])
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([Problem(model.path, f"cannot be read: {error}.", "Name a CSV file.")]) from None
    problems: list[Problem] = []
    columns = _columns(model.path, text, problems)
    if problems:
        raise ConfigurationError(problems)
    return model.model_copy(
        update={
            "digest": hashlib.sha256(raw).hexdigest()[:16],
            "rows": len(columns["ttft_ms"]),
            **{name: tuple(columns.get(name, ())) for name in _COLUMNS},
        }
    )


def _columns(where: str, text: str, problems: list[Problem]) -> dict[str, list[float]]:
    """Return the columns that are there; `problems` gets what is wrong, at most so many of them."""
    lines = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip() for name in next(lines, [])]
    problems += _header_problems(where, header)
    columns: dict[str, list[float]] = {name: [] for name in header if name in _COLUMNS}
    if problems:
        return columns
    for row in lines:
        if not row:
            continue
        found = list(_row_problems(f"{where}:{lines.line_num}", header, row))
        problems += found
        if not found:
            for name, cell in zip(header, row, strict=True):
                if name in columns:
                    columns[name].append(float(cell))
        if len(problems) >= _MOST_PROBLEMS or len(columns["ttft_ms"]) > MOST_ROWS:
            break
    if len(problems) >= _MOST_PROBLEMS:
        problems.append(Problem(where, "has more problems than these.", "Correct them and check again."))
    elif len(columns["ttft_ms"]) > MOST_ROWS:
        problems.append(Problem(where, f"has more than {MOST_ROWS} rows.", "Take a sample of them."))
    elif not columns["ttft_ms"] and not problems:
        problems.append(Problem(where, "has no row of times.", "Add one row for each measured answer."))
    return columns


def _header_problems(where: str, header: list[str]) -> Iterator[Problem]:
    if "ttft_ms" not in header:
        yield Problem(f"{where}:1", 'has no column "ttft_ms".', "Name the columns in the first line.")
    if "token_ms" in header and "total_ms" in header:
        yield Problem(f"{where}:1", "has both token_ms and total_ms, of which one follows from the other.", "Keep one.")
    for name in sorted({name for name in header if name in _COLUMNS and header.count(name) > 1}):
        yield Problem(f"{where}:1", f'names the column "{name}" twice.', "Name it once.")


def _row_problems(where: str, header: list[str], row: list[str]) -> Iterator[Problem]:
    if len(row) != len(header):
        yield Problem(where, f"has {len(row)} cells where the first line names {len(header)}.", "Correct the line.")
        return
    cells = dict(zip(header, row, strict=True))
    times: dict[str, float] = {}
    for name in _COLUMNS:
        if name not in cells:
            continue
        try:
            times[name] = float(cells[name])
        except ValueError:
            yield Problem(where, f'{name} is "{cells[name].strip()}", which is no number.', "Write milliseconds.")
            continue
        if not math.isfinite(times[name]) or not 0 <= times[name] <= _MOST_MS:
            yield Problem(where, f"{name} is {times[name]:g}.", f"Write milliseconds from 0 to {_MOST_MS:.0f}.")
    if times.get("total_ms", math.inf) < times.get("ttft_ms", 0.0):
        yield Problem(where, "total_ms lies below ttft_ms.", "An answer cannot end before it begins.")
