"""Runs every faulty gateway in every profile and holds the verdicts against the table: `python -m tests.faulty.matrix`.

A cell is the verdict of one check on one gateway. It is right when the check is red for a gateway whose fault it has to see,
and green or not applicable for all others; a consequence of the fault (`also`) may be either.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.progress import Progress

from tests.faulty.table import Gateway, Table, expectation, load
from tests.faulty.workspace import CORRECT, make, run

_AT_ONCE: Final = 3  # a run mostly waits
_AGAIN: Final = 2
"""So often a measurement that cannot be trusted is made again."""


class Cell(NamedTuple):
    """One check on one gateway: its verdict, whether that is as it has to be, and what the check said."""

    gateway: str
    check: str
    verdict: str
    expected: str
    right: bool
    why: str


def check_name(profile: str, check: Mapping[str, Any]) -> str:
    """Return the name of a check: PROFILE/METRIC, then /PHASE and /ROUTE where it has one."""
    return "/".join(part for part in (profile, check["metric"], check["phase"], check["route"]) if part)


def cells(profile: str, gateway: Gateway | None, summary: Mapping[str, Any]) -> Iterator[Cell]:
    """Yield the cells of one run. A run without a verdict, or one that cannot be trusted, has none that is right."""
    name = gateway.name if gateway else CORRECT
    if "error" in summary or summary["verdict"] == "invalid":
        why = summary.get("error") or " ".join(summary["reasons"])
        yield Cell(name, f"{profile}/*", "invalid", "a verdict", False, str(why))
        return
    for check in summary["checks"]:
        which = check_name(profile, check)
        verdict = check["verdict"]
        expected, right = expectation(gateway, which, {verdict: 1})
        yield Cell(name, which, verdict, expected, right, check["why"])


def measure(
    table: Table, seed: int, *, profiles: frozenset[str], gateways: frozenset[str], own: bool, console: Console
) -> list[Cell]:
    """Run the chosen part of the matrix; `own` leaves to the virtual world what can be played there and is not the proof itself."""
    jobs = [
        (profile, gateway)
        for profile in table.profile
        if not profiles or profile in profiles
        for gateway in (None, *table.gateway)
        if not gateways or (gateway.name if gateway else CORRECT) in gateways
        if not own or gateway is None or _has_to_be_live(table, profile, gateway)
    ]
    with tempfile.TemporaryDirectory(prefix="gatebench-matrix-") as name:
        folder = Path(name)
        make(folder, table)
        with Progress(console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("runs", total=len(jobs))

            def one(job: tuple[str, Gateway | None]) -> list[Cell]:
                profile, gateway = job
                target = f"{table.profile[profile].target}-{gateway.name if gateway else CORRECT}"
                made = list(cells(profile, gateway, run(folder, profile, target, seed)))
                progress.advance(task)
                return made

            with ThreadPoolExecutor(_AT_ONCE) as pool:
                made = dict(zip(jobs, pool.map(one, jobs), strict=True))
            for _ in range(_AGAIN):  # the machine, not the gateway: once more, with nothing beside it
                sick = [job for job, its in made.items() if any(cell.verdict == "invalid" for cell in its)]
                made |= {job: one(job) for job in sick}
    found = [cell for its in made.values() for cell in its]
    for cell in found:
        if not cell.right:
            said = f"wrong: {cell.gateway}: {cell.check} is {cell.verdict}, not {cell.expected}: {cell.why}"
            console.print(said, markup=False)
    return found


def _has_to_be_live(table: Table, profile: str, gateway: Gateway) -> bool:
    """Where its fault is looked for; and, of a profile that cannot be played elsewhere, the gateways of the same family."""
    facts = table.profile[profile]
    return gateway.is_looked_for_in(profile) or (not facts.virtual and gateway.family == facts.family)


def main(arguments: list[str] | None = None) -> int:
    """Measure, say what is wrong, write the cells; return 1 when one is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faulty.matrix", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profile", action="append", default=[], help="only this profile")
    parser.add_argument(
        "--gateway", action="append", default=[], help=f'only this gateway ("{CORRECT}" is the right one)'
    )
    parser.add_argument(
        "--own",
        action="store_true",
        help="only what is not left to the virtual world",
    )
    parser.add_argument("--out", type=Path, help="write the cells to this JSON file")
    options = parser.parse_args(arguments)
    console = Console(file=sys.stderr)
    began = time.monotonic()
    chosen = {"profiles": frozenset(options.profile), "gateways": frozenset(options.gateway)}
    found = measure(load(), options.seed, own=options.own, console=console, **chosen)
    wrong = [cell for cell in found if not cell.right]
    if options.out:
        document = {
            "seed": options.seed,
            "seconds": round(time.monotonic() - began),
            "cells": [cell._asdict() for cell in found],
        }
        options.out.write_text(json.dumps(document, indent=1))
    red = sum(cell.expected == "fail" and cell.right for cell in found)
    console.print(
        f"{len(found)} cells in {time.monotonic() - began:.0f} s: {red} red as they have to be, {len(wrong)} wrong",
        markup=False,
    )
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main())
