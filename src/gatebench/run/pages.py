"""The pages on which a gateway tells Prometheus of itself: kept as they came while a run goes on, read when it is over.

A page in the part file is a line of JSON that says when it came and how long it is, and the page, compressed: so little is done
while the load is on, and a torn tail loses the last page at most. What a page says is read line by line, and nothing in it may
hurt: lines that are no samples are counted, and everything has an end (series, lines, rows, time).
"""

from __future__ import annotations

import json
import math
import re
import time
import zlib
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from prometheus_client.parser import text_string_to_metric_families

MOST_PAGE_BYTES: Final = 4_000_000
MOST_SERIES: Final = 5_000
"""So many series of one page are kept."""
MOST_NAMES: Final = 20_000
"""So many different series of one source are kept over a run: whoever puts request ids into labels makes new ones all the time."""
MOST_ROWS: Final = 3_000_000
"""Of more, every second page is left out, or every third."""
MOST_FILE_BYTES: Final = 400_000_000
MOST_READING_S: Final = 20.0
_LONGEST_LINE: Final = 4_096
_KINDS: Final = ("counter", "gauge", "histogram", "summary", "untyped")
# Nothing is read twice: runs of blanks are possessive, and within braces stands a character outside quotes or a whole quoted string.
_SAMPLE: Final = re.compile(
    r'[ \t]*+([a-zA-Z_:][a-zA-Z0-9_:]*+(?:[ \t]*+\{(?:[^"{}]|"(?:[^"\\]|\\.)*+")*+\})?+)[ \t]*+(?<=[ \t}])(\S++)(?:[ \t]++-?\d+)?+\s*'
)
_KIND: Final = re.compile(r"#[ \t]*+TYPE[ \t]++([a-zA-Z_:][a-zA-Z0-9_:]*+)[ \t]++([a-z]++)\s*")


@dataclass(frozen=True)
class Page:
    """What came at one moment: the page (`whole`: not cut), or `why` there was none."""

    at_ns: int
    body: bytes = b""
    whole: bool = True
    why: str = ""


class PageFile:
    """The part file while it is written; when it is full, pages are counted and not kept."""

    def __init__(self, file: IO[bytes], most_bytes: int = MOST_FILE_BYTES) -> None:
        self._file, self._left = file, most_bytes

    def add(self, page: Page) -> None:
        """Append what came, all of it at once."""
        packed = zlib.compress(page.body, 1) if page.body else b""
        why = page.why
        if len(packed) > self._left:
            packed, why = b"", "the file that keeps pages is full"
        self._left -= len(packed)
        head = {"at_ns": page.at_ns, "bytes": len(packed), "whole": page.whole, "why": why}
        self._file.write(json.dumps(head).encode() + b"\n" + packed + b"\n")
        self._file.flush()


def read_pages(path: Path) -> Iterator[Page]:
    """Yield what was kept; what is torn or damaged ends it."""
    if not path.exists():
        return
    with path.open("rb") as file:
        while line := file.readline(_LONGEST_LINE):
            try:
                head = json.loads(line)
                packed = file.read(int(head["bytes"]))
                if len(packed) < head["bytes"] or file.read(1) != b"\n":
                    return
                body = zlib.decompressobj().decompress(packed, MOST_PAGE_BYTES) if packed else b""
                yield Page(int(head["at_ns"]), body, bool(head["whole"]), str(head["why"]))
            except (KeyError, TypeError, ValueError, zlib.error):
                return


@dataclass
class Rows:
    """Rows of one source: when, which series (a place in `names`), and its value."""

    names: list[str] = field(default_factory=list)
    at_ns: array[int] = field(default_factory=lambda: array("q"))
    codes: array[int] = field(default_factory=lambda: array("i"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def __len__(self) -> int:
        return len(self.values)

    def add(self, at_ns: int, code: int, value: float) -> None:
        """Append one."""
        self.at_ns.append(at_ns)
        self.codes.append(code)
        self.values.append(value)


@dataclass(frozen=True)
class Heard:
    """What came of listening to one source (`process` in series.parquet): how often it was read, and each failure with its number.

    `trouble` are sentences about what was cut or left out; `kinds` says of each family whether it is a counter, a gauge or what else.
    """

    source: str
    readings: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    series: int = 0
    trouble: tuple[str, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)


def parse(path: Path, source: str, most_rows: int = MOST_ROWS) -> tuple[Heard, Rows]:
    """Return what the kept pages say. Never raises for anything that stands on a page."""
    reading = _Reading(_every(path, most_rows), most_rows)
    for page in read_pages(path):
        reading.take(page)
    return reading.heard(source), reading.rows


def _every(path: Path, most_rows: int) -> int:
    """Return which pages are read: each, or every second, so that there are not too many rows."""
    lines = sum(min(MOST_SERIES, page.body.count(b"\n") + 1) for page in read_pages(path) if not page.why)
    return max(1, -(-lines // most_rows))


class _Reading:
    """Reads page after page; what names a series is parsed once, whichever pages it stands on."""

    def __init__(self, every: int, most_rows: int) -> None:
        self.rows = Rows()
        self.kinds: dict[str, str] = {}
        self._every, self._most_rows = every, 2 * most_rows
        self._known: dict[str, int] = {}
        self._by_name: dict[str, int] = {}
        self._last: list[int] = []
        self._seen = self._readings = self._spent_ns = 0
        self._failures: Counter[str] = Counter()
        self._cut: Counter[str] = Counter()

    def take(self, page: Page) -> None:
        """Read one page."""
        if page.why:
            self._failures[page.why] += 1
            return
        self._seen += 1
        if (self._seen - 1) % self._every:
            self._cut["thinned"] += 1
            return
        if self._spent_ns > MOST_READING_S * 1e9 or len(self.rows) > self._most_rows:
            self._cut["late"] += 1
            return
        began_ns = time.process_time_ns()
        text = page.body.decode("utf-8", "replace")
        if not page.whole:
            self._cut["long"] += 1
            text = text[: text.rfind("\n") + 1]
        if self._lines(page.at_ns, text):
            self._readings += 1
        else:
            self._failures["no sample of a metric was on it"] += 1
        self._spent_ns += time.process_time_ns() - began_ns

    def _lines(self, at_ns: int, text: str) -> int:
        """Take the samples of a page; returns how many there were."""
        taken = 0
        for line in text.split("\n"):
            if line.startswith("#"):
                self._kind(line)
                continue
            if not line or line.isspace():
                continue
            head, _, number = line.rpartition(" ")
            code = self._known.get(head, -1)
            if code < 0:
                found = self._sample(line)
                if found is None:
                    continue
                code, number = found
            try:
                value = float(number)
            except ValueError:
                self._cut["lines"] += 1
                continue
            if self._last[code] == self._seen:
                self._cut["lines"] += 1  # twice on one page
            elif taken == MOST_SERIES:
                self._cut["series"] += 1
                break
            elif not math.isnan(value):  # what is no number is not there
                self._last[code] = self._seen
                self.rows.add(at_ns, code, value)
                taken += 1
        return taken

    def _kind(self, line: str) -> None:
        found = _KIND.fullmatch(line, 0, _LONGEST_LINE)
        if found and found[2] in _KINDS and len(self.kinds) < MOST_SERIES:
            self.kinds.setdefault(found[1], found[2])

    def _sample(self, line: str) -> tuple[int, str] | None:
        """Return the series of a line, a new one perhaps, and its value; None when it is no sample or there are too many."""
        found = _SAMPLE.fullmatch(line) if len(line) <= _LONGEST_LINE else None
        if found is None or "_" in found[2]:
            self._cut["lines"] += 1
            return None
        code = self._known.get(found[1])
        if code is None:
            try:
                (family,) = text_string_to_metric_families(f"{found[1]} 0\n")
                (sample,) = family.samples
            except (IndexError, KeyError, ValueError):
                self._cut["lines"] += 1
                return None
            code = self._numbered(canonical(sample.name, sample.labels))
            if code is None:
                self._cut["names"] += 1
                return None
            if len(self._known) < 2 * MOST_NAMES:  # one series may be written in many ways
                self._known[found[1]] = code
        return code, found[2]

    def _numbered(self, name: str) -> int | None:
        code = self._by_name.get(name)
        if code is None and len(self.rows.names) < MOST_NAMES:
            code = self._by_name[name] = len(self.rows.names)
            self.rows.names.append(name)
            self._last.append(0)
        return code

    def heard(self, source: str) -> Heard:
        """Return what came of it, in words where something was left out."""
        cut = self._cut
        said = {
            "long": f"{_pages(cut['long'])} of {source} longer than {MOST_PAGE_BYTES // 1_000_000} MB: the rest was cut off",
            "series": f"{_pages(cut['series'])} of {source} held more than {MOST_SERIES} series: the others were left out",
            "names": f"{source} had more than {MOST_NAMES} different series during the run: newer ones were left out",
            "lines": f"{cut['lines']} lines of {source} were no samples, too long, or there twice",
            "thinned": f"one in {self._every} pages of {source} was read, for all of them are too many rows",
            "late": f"{_pages(cut['late'])} of {source} were not read: the others took too long",
        }
        trouble = tuple(sentence for name, sentence in said.items() if cut[name])
        return Heard(source, self._readings, dict(self._failures), len(self.rows.names), trouble, self.kinds)


def _pages(number: int) -> str:
    return "1 page" if number == 1 else f"{number} pages"


def canonical(name: str, labels: Mapping[str, str]) -> str:
    """Return a series as text, its labels in order of their names: `name{label="value"}`."""
    if not labels:
        return name
    inside = ",".join(f'{label}="{_escaped(value)}"' for label, value in sorted(labels.items()))
    return f"{name}{{{inside}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
