"""What was read once a second: processes from the operating system, and apart from them what a gateway or a Prometheus says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from gatebench.run.pages import Heard
from gatebench.run.series import is_process, read_heard, read_series
from gatebench.stats import Floats

_LABEL: Final = re.compile(r'([^=,{]+)="((?:[^"\\]|\\.)*+)"')
_ESCAPED: Final = re.compile(r"\\(.)")
_OF_HISTOGRAMS: Final = ("_bucket", "_count", "_sum")

Times = npt.NDArray[np.int64]


def processes(path: Path) -> pd.DataFrame:
    """Return `at_ns`, `process`, `metric` and `value` of the processes. Raises OSError, pyarrow.ArrowException."""
    rows = cast(pd.DataFrame, read_series(path, is_process).to_pandas())
    return rows.astype({"process": object, "metric": object})


@dataclass(frozen=True)
class Line:
    """One series of a source: its values in order of time (nanoseconds of the run's clock)."""

    name: str
    at_ns: Times
    values: Floats

    @property
    def family(self) -> str:
        """The name without labels."""
        return self.name.partition("{")[0]

    @cached_property
    def labels(self) -> dict[str, str]:
        """The labels by name."""
        return {found[1]: _ESCAPED.sub(_plain, found[2]) for found in _LABEL.finditer(self.name.partition("{")[2])}


@dataclass(frozen=True)
class Source:
    """Everything that one page, or one Prometheus, said: `heard` is what came of listening, `lines` its series by name."""

    heard: Heard
    lines: Mapping[str, Line]

    @cached_property
    def readings_ns(self) -> Times:
        """When it was read."""
        return np.unique(np.concatenate([line.at_ns for line in self.lines.values()] or [np.empty(0, np.int64)]))

    @property
    def is_page(self) -> bool:
        """Whether it is the gateway's own page, on which a series that is not there has counted nothing yet."""
        return self.heard.source.startswith("/")

    def is_counter(self, family: str) -> bool:
        """Tell whether a family only ever grows: by the page's own word, without one by the customs of names.

        https://prometheus.io/docs/practices/naming/ has counters end in _total; buckets, counts and sums of histograms grow too.
        """
        kinds = self.heard.kinds
        kind = kinds.get(family) or kinds.get(family.removesuffix("_total"))
        if kind in {"counter", "gauge"}:
            return kind == "counter"
        ending = next((one for one in _OF_HISTOGRAMS if family.endswith(one)), "")
        whole = kinds.get(family.removesuffix(ending)) if ending else None
        if whole is not None:
            return whole in {"histogram", "summary"}
        return family.endswith("_total") or (not kinds and bool(ending))


def sources(path: Path) -> list[Source]:
    """Return what every source said. Raises OSError, pyarrow.ArrowException."""
    heard = read_heard(path)
    if not heard:
        return []
    rows = read_series(path, lambda name: not is_process(name))
    found = cast(pd.DataFrame, rows.to_pandas())
    return [Source(one, _lines(found[found["process"] == one.source])) for one in heard]


def _lines(rows: pd.DataFrame) -> dict[str, Line]:
    if rows.empty:
        return {}
    codes, names = pd.factorize(rows["metric"])
    order = np.lexsort((rows["at_ns"].to_numpy(), codes))
    at_ns, values = rows["at_ns"].to_numpy(np.int64)[order], rows["value"].to_numpy(np.float64)[order]
    ends = np.cumsum(np.bincount(codes, minlength=len(names)))
    starts = np.concatenate(([0], ends[:-1]))
    return {
        str(name): Line(str(name), at_ns[start:end], values[start:end])
        for name, start, end in zip(names, starts, ends, strict=True)
    }


def increases(values: Floats) -> Floats:
    """Return how much a counter grew between neighbouring readings; one that fell began anew, and has grown by what it is now."""
    with np.errstate(over="ignore", invalid="ignore"):  # whatever a gateway says, it is a number afterwards or none
        steps = np.diff(values)
    return cast("Floats", np.where(steps < 0, values[1:], steps))


def unheard(found: Iterable[Heard]) -> list[str]:
    """Return a sentence for each source that said nothing, and for whatever was cut or left out.

    That it did not answer now and then is no trouble: a gateway that a fault kills cannot.
    """
    sentences = []
    for one in found:
        why = "; ".join(one.failures) or "nobody asked it"
        if not one.readings:
            sentences.append(f"Nothing is known from {one.source}: {why}.")
        elif one.source.startswith("prometheus ") and one.failures:
            sentences.append(f"What {one.source} knows is not all there: {why}.")
        sentences += [f"{sentence[0].upper()}{sentence[1:]}." for sentence in one.trouble]
    return sentences


def _plain(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]
