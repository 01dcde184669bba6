"""Plays every faulty gateway and the correct one with many seeds: `python -m tests.virtual.seeds`.

A check has to be red for its own fault in at least 19 of 20 seeds, and green for the correct gateway in 300 of 300: with no
alarm in 300 the rate of false alarms is below 0.01 at a confidence of 95 % (rule of three: Hanley and Lippman-Hand, JAMA 249, 1983).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.faulty.table import Gateway, Table, expectation, load
from tests.faulty.workspace import CORRECT
from tests.virtual.job import Job

_ROOT: Final = Path(__file__).resolve().parents[2]
_A_PROCESS: Final = 50


class Count(NamedTuple):
    """How often a check took each verdict on a gateway, and whether that is enough."""

    gateway: str
    check: str
    expected: str
    verdicts: dict[str, int]
    enough: bool
    why: str


def played(chosen: Sequence[Job]) -> list[dict[str, Any]]:
    """Play all jobs; return a line for each seed that could be played."""
    words = [str(word) for job in chosen for word in job]
    argv = [sys.executable, "-m", "tests.virtual", *words]
    done = subprocess.run(argv, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


def jobs(table: Table, options: argparse.Namespace) -> Iterator[Job]:
    """Yield what is to be played, the correct gateway first."""
    for profile, facts in table.profile.items():
        if not facts.virtual or (options.profile and profile not in options.profile):
            continue
        end = options.first + options.green
        for first in range(options.first, end, _A_PROCESS):
            if not options.gateway or CORRECT in options.gateway:
                yield Job(profile, CORRECT, first, min(_A_PROCESS, end - first))
        for gateway in table.gateway:
            count = options.red if gateway.is_looked_for_in(profile) else options.others
            if count and (not options.gateway or gateway.name in options.gateway):
                yield Job(profile, gateway.name, options.first, count)


def counted(table: Table, chosen: Sequence[Job], lines: Sequence[dict[str, Any]]) -> Iterator[Count]:
    """Yield the counts of every check on every gateway that was played."""
    by_name: dict[str, Gateway] = {gateway.name: gateway for gateway in table.gateway}
    verdicts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    reasons: dict[tuple[str, str], str] = {}
    for job in chosen:
        verdicts[job.gateway, f"{job.profile}/*"]["lost"] += job.seeds
    for line in lines:
        name = line["gateway"]
        verdicts[name, f"{line['profile']}/*"]["lost"] -= 1
        for check, verdict in line["verdicts"].items():
            verdicts[name, check][verdict] += 1
            if verdict not in ("pass", "n/a"):
                reasons[name, check] = f"seed {line['seed']}: {line['why'].get(check, '')}"
    for (name, check), counter in verdicts.items():
        if counter["lost"]:
            reasons[name, check] = "not every seed could be played"
        if counter.total():
            expected, enough = expectation(by_name.get(name), check, counter)
            yield Count(name, check, expected, dict(counter), enough, reasons.get((name, check), ""))


def main(arguments: list[str] | None = None) -> int:
    """Play, count, say what is not enough, write the counts; return 1 when something is not."""
    parser = argparse.ArgumentParser(prog="python -m tests.virtual.seeds", description=__doc__)
    parser.add_argument(
        "--red", type=int, default=20, help="seeds for each faulty gateway where its fault is looked for"
    )
    parser.add_argument("--green", type=int, default=300, help="seeds of the correct one for each profile")
    parser.add_argument("--others", type=int, default=0, help="seeds for each faulty gateway in every other profile")
    parser.add_argument(
        "--first", type=int, default=1, help="the first seed; what is counted in parts is added up on the page"
    )
    parser.add_argument("--profile", action="append", default=[])
    parser.add_argument("--gateway", action="append", default=[])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    table, began = load(), time.monotonic()
    chosen = list(jobs(table, options))
    lines = played(chosen)
    counts = list(counted(table, chosen, lines))
    for count in counts:
        if not count.enough:
            sys.stderr.write(
                f"{count.gateway}: {count.check} has to be {count.expected}: {count.verdicts} {count.why}\n"
            )
    if options.out:
        document = {
            "seconds": round(time.monotonic() - began),
            "runs": len(lines),
            "red": options.red,
            "green": options.green,
        }
        options.out.write_text(json.dumps({**document, "counts": [count._asdict() for count in counts]}, indent=1))
    sys.stderr.write(f"{len(lines)} runs in {time.monotonic() - began:.0f} s\n")
    return 0 if counts and all(count.enough for count in counts) else 1


if __name__ == "__main__":
    sys.exit(main())
