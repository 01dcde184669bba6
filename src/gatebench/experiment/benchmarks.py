"""`bench gate` on the JSON files of pytest-benchmark: the same rule for the benchmarks of a user's own code."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from gatebench.comparing.gated import OPEN, Gated
from gatebench.comparing.judging import LineVerdict, judge
from gatebench.comparing.line import Floats, Line, Measure
from gatebench.comparing.looks import ALPHA, LEAST_PAIRS, plan_looks
from gatebench.comparing.tolerance import Tolerance, parse
from gatebench.errors import Problem

STATISTICS: Final = ("median", "mean", "min")
DEFAULT: Final = "median=5%"
BLOCKS: Final = 10
LEAST_ROUNDS: Final = 5
"""Rounds of a benchmark in one block, of which the statistic is taken."""

_MICROSECONDS: Final = 1e6
_ONE_SESSION: Final = (
    "There is one file on each side. Their rounds stand in for repeated sessions, in up to 10 blocks, but they share one process: "
    "what differs from one session to the next (memory layout, hash seeds, the machine's mood) is not in these intervals, so "
    "that false alarms are more frequent than 1 %. Give several files on each side, made in turn."
)


@dataclass(frozen=True)
class Session:
    """One file: the statistics of every benchmark by its full name, in seconds, with the single rounds where they were saved."""

    path: Path
    benchmarks: Mapping[str, Mapping[str, Any]]
    machine: Mapping[str, Any]
    version: str

    def value(self, name: str, statistic: str) -> float:
        """Return a statistic of a benchmark in µs, NaN where it is not there."""
        found = self.benchmarks.get(name, {}).get(statistic)
        return float(found) * _MICROSECONDS if isinstance(found, int | float) and math.isfinite(found) else math.nan

    def blocks(self, name: str, statistic: str, most: int = BLOCKS) -> Floats:
        """Return the statistic of up to `most` blocks of neighbouring rounds in µs; empty without the single rounds."""
        data = self.benchmarks.get(name, {}).get("data")
        rounds = np.array(data if isinstance(data, list) else [], np.float64) * _MICROSECONDS
        count = min(most, len(rounds) // LEAST_ROUNDS)
        if count < LEAST_PAIRS:
            return np.empty(0)
        return np.array([_of(block, statistic) for block in np.array_split(rounds, count)])


def read_sessions(option: str, paths: Sequence[Path], problems: list[Problem]) -> list[Session]:
    """Read the files; each that is none of pytest-benchmark's goes to `problems`."""
    found = []
    for path in paths:
        where = f"{option} {path}"
        cure = "pytest-benchmark writes one with `pytest --benchmark-json=FILE`."
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            benchmarks = {str(one["fullname"]): dict(one["stats"]) for one in document["benchmarks"]}
        except FileNotFoundError:
            problems.append(Problem(where, "there is no such file.", cure))
        except (OSError, ValueError) as error:
            problems.append(Problem(where, f"cannot be read ({type(error).__name__}).", cure))
        except (KeyError, TypeError):
            problems.append(Problem(where, "is no file of pytest-benchmark.", cure))
        else:
            if not benchmarks:
                problems.append(Problem(where, "holds no benchmark.", "Run pytest without --benchmark-skip."))
            machine = document.get("machine_info")
            version = str(document.get("version", ""))
            found.append(Session(path, benchmarks, machine if isinstance(machine, dict) else {}, version))
    return found


def read_terms(texts: Sequence[str], problems: list[Problem]) -> list[Tolerance]:
    """Return the tolerances: `median=5%`, or `median@test_name=10%` for one benchmark."""
    units = dict.fromkeys(STATISTICS, "µs")
    found = []
    for text in texts or [DEFAULT]:
        name = text.partition("=")[0].partition("@")[0].strip()
        if name not in units and "=" in text:
            cure = f"pytest-benchmark has {', '.join(STATISTICS)}: write median=5%, or median@test_name=10%."
            problems.append(Problem(f"--tolerance {text}", f"there is no {name} here.", cure))
            continue
        one = parse(text, units, "--tolerance", problems)
        if one is not None:
            found.append(one)
    return found


def refuse_alike(new: Sequence[Path], old: Sequence[Path], problems: list[Problem]) -> None:
    """Refuse a file that stands on both sides, or on one side twice: it would be compared with itself."""
    resolved = [path.resolve() for path in (*new, *old)]
    twice = dict.fromkeys(path for path in resolved if resolved.count(path) > 1)
    cure = "Each file stands for one session of one side."
    problems += [Problem(path.name, "is named twice.", cure) for path in twice]


def refuse_unknown(tolerances: Sequence[Tolerance], sessions: Sequence[Session], problems: list[Problem]) -> None:
    """Refuse a tolerance for a benchmark that no file holds."""
    there = {_function(name) for session in sessions for name in session.benchmarks}
    for one in tolerances:
        if one.phase is not None and one.phase not in there:
            cure = f"The benchmarks are: {', '.join(sorted(there))}."
            problems.append(Problem(f"--tolerance {one}", f"there is no benchmark {one.phase}.", cure))


def judge_benchmarks(
    new: Sequence[Session], old: Sequence[Session], tolerances: Sequence[Tolerance], command: Sequence[str]
) -> Gated:
    """Pair the files in their order, or blocks of the rounds where there is one file on each side, and judge in one look.

    A benchmark that one side does not have is missing, which is never a pass. Benchmarks with unlike numbers of blocks are
    judged in groups; each group spends its part of the allowance, so that they add up.
    """
    names = sorted({name for session in (*new, *old) for name in session.benchmarks})
    single = len(new) == len(old) == 1
    lines = [_line(measure, new, old, single=single) for name in names for measure in _measures(name, tolerances)]
    verdicts: list[LineVerdict] = []
    for count in sorted({len(line.base) for line in lines}):
        group = [line for line in lines if len(line.base) == count]
        looks = plan_looks(count, sequential=False)
        judgement = judge(group, looks, ALPHA * len(group) / len(lines))
        verdicts += [_explained(one, new, old, single=single) for one in judgement.lines]
    words = {one.word for one in verdicts}
    code = 1 if "regressed" in words else 4 if not words or words & OPEN else 0
    pairs = max(len(new), len(old))
    return Gated(
        subject="pytest-benchmark",
        base=_named(old),
        head=_named(new),
        how="pytest-benchmark",
        lines=tuple(verdicts),
        checks=(),
        pairs=pairs,
        planned=pairs,
        code=code,
        notes=tuple(_notes(new, old, single=single)),
        command=tuple(command),
    )


def _measures(name: str, tolerances: Sequence[Tolerance]) -> Iterator[Measure]:
    """Yield what is compared of a benchmark: each statistic once, by the tolerance that names the benchmark, or by the general one."""
    own = {one.metric: one for one in tolerances if one.phase == _function(name)}
    general = {one.metric: one for one in tolerances if one.phase is None}
    for statistic, tolerance in {**general, **own}.items():
        yield Measure(statistic, f"{statistic.capitalize()} time", "µs", "lower", name, tolerance)


def _line(measure: Measure, new: Sequence[Session], old: Sequence[Session], *, single: bool) -> Line:
    name = measure.phase or ""
    if single:
        sides = [session.blocks(name, measure.metric) for session in (old[0], new[0])]
        count = min(len(side) for side in sides)
        if count == 0:
            return Line(measure, np.full(1, np.nan), np.full(1, np.nan))
        base, head = (session.blocks(name, measure.metric, count) for session in (old[0], new[0]))
        return Line(measure, base, head)
    count = max(len(new), len(old))
    base, head = (
        np.array([session.value(name, measure.metric) for session in side] + [np.nan] * (count - len(side)))
        for side in (old, new)
    )
    return Line(measure, base, head)


def _explained(line: LineVerdict, new: Sequence[Session], old: Sequence[Session], *, single: bool) -> LineVerdict:
    """Return the verdict with the reason why a number is missing, as far as the files show it."""
    if line.word != "missing":
        return line
    name = line.measure.phase or ""
    lacking = [
        side for side, sessions in (("base", old), ("head", new)) if not any(name in s.benchmarks for s in sessions)
    ]
    if lacking:
        return replace(line, why=f"{' and '.join(lacking)} does not have this benchmark")
    if not single:
        return line
    values = {"base": old[0].value(name, line.measure.metric), "head": new[0].value(name, line.measure.metric)}
    why = (
        f"one file on each side shows a number, but not how it scatters: at least {LEAST_PAIRS * LEAST_ROUNDS} single rounds in "
        "each would (--benchmark-json keeps them, --benchmark-save with --benchmark-save-data), or better several files on each side"
    )
    return replace(line, word="cannot tell", base=values["base"], head=values["head"], why=why)


def _notes(new: Sequence[Session], old: Sequence[Session], *, single: bool) -> Iterator[str]:
    if single:
        yield _ONE_SESSION
    else:
        yield (
            "The files are paired in the order in which they are named: made in turn (old, new, new, old, …), what drifts hits "
            "both alike; made one side after the other, it counts as a change."
        )
    base, head = old[0], new[0]
    for what, ours, theirs in (
        ("pytest-benchmark", base.version, head.version),
        *(
            (f"the machine's {key}", base.machine.get(key), head.machine.get(key))
            for key in ("machine", "system", "release")
        ),
        ("Python", base.machine.get("python_version"), head.machine.get("python_version")),
        ("the processor", _processor(base), _processor(head)),
    ):
        if ours != theirs:
            yield f"Not the same on both sides: {what} was {ours} for the baseline and {theirs} for the new files."


def _processor(session: Session) -> object:
    cpu = session.machine.get("cpu")
    return cpu.get("brand_raw") if isinstance(cpu, dict) else None


def _of(block: Floats, statistic: str) -> float:
    if statistic == "median":
        return float(np.median(block))
    return float(block.mean() if statistic == "mean" else block.min())


def _function(name: str) -> str:
    """Return the function of a benchmark's full name: tests/test_a.py::test_sum[10] is test_sum."""
    return name.rpartition("::")[2].partition("[")[0]


def _named(sessions: Sequence[Session]) -> str:
    names = [session.path.name for session in sessions]
    return names[0] if len(names) == 1 else f"{len(names)} files, {names[0]} first"
