"""Writes what was found into docs/oracles.md: `python -m tests.faulty.page [--cells CELLS.json] [--seeds SEEDS.json]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.faulty.matrix import Cell
from tests.faulty.table import Table, load
from tests.faulty.workspace import CORRECT

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "oracles.md"


def mark(cell: Cell) -> str:
    """Return how a cell is shown."""
    if not cell.right:
        return f"**wrong: {cell.verdict}**"
    if cell.expected == "fail":
        return "**red**"
    if cell.verdict == "fail":
        return "(red)"
    return {"pass": "·", "n/a": "n/a"}.get(cell.verdict, "?")


def sections(table: Table, cells: Sequence[Cell]) -> Iterator[str]:
    """Yield a section for each profile: its checks across, and down the gateways that are not green in all of them."""
    for profile, facts in table.profile.items():
        inside = [cell for cell in cells if cell.check.startswith(f"{profile}/")]
        checks = list(dict.fromkeys(cell.check for cell in inside if cell.gateway == CORRECT))
        if not checks:
            continue
        by = {(cell.gateway, cell.check): cell for cell in inside}
        names = list(dict.fromkeys(cell.gateway for cell in inside))
        plain = [
            name for name in names if all(mark(by[name, one]) in ("·", "n/a") for one in checks if (name, one) in by)
        ]
        titles = [check.removeprefix(f"{profile}/").replace("/", " in ") for check in checks]
        yield f"### {profile}: {facts.about}\n"
        yield f"| gateway | {' | '.join(f'`{title}`' for title in titles)} |"
        yield f"|---|{'---|' * len(checks)}"
        for name in [CORRECT, *(name for name in names if name not in plain and name != CORRECT)]:
            row = [mark(by[name, one]) if (name, one) in by else "" for one in checks]
            yield f"| {name} | {' | '.join(row)} |"
        others = [name for name in plain if name != CORRECT]
        if others:
            yield f"\nGreen (or n/a) everywhere here: {', '.join(others)}."
        yield ""


def faults(table: Table) -> Iterator[str]:
    """Yield the gateways, what is wrong with each, and which checks have to see it."""
    yield "| gateway | its one fault | has to turn red | may, as a consequence |"
    yield "|---|---|---|---|"
    for gateway in table.gateway:
        also = ", ".join(f"`{one}`" for one in gateway.also)
        why = f" ({gateway.why})" if gateway.why else ""
        yield f"| {gateway.name} | {gateway.about} | {', '.join(f'`{one}`' for one in gateway.fails)} | {also}{why} |"
    yield ""


def matrix(document: Mapping[str, Any]) -> str:
    """Return the live matrix in Markdown."""
    cells = [Cell(**cell) for cell in document["cells"]]
    table = load()
    wrong = sum(not cell.right for cell in cells)
    red = sum(cell.right and cell.expected == "fail" for cell in cells)
    runs = len({(cell.gateway, cell.check.partition("/")[0]) for cell in cells})
    head = (
        f"Live, seed {document['seed']}: {runs} runs in {document['seconds'] // 60} min {document['seconds'] % 60} s, "
        f"{len(cells)} cells, {red} red as they have to be, {wrong} wrong.\n"
    )
    return "\n".join([head, *faults(table), *sections(table, cells)])


def by_seed(document: Mapping[str, Any]) -> str:
    """Return a line for each check: how often it was green for the correct gateway, how often red for its own faults."""
    green: dict[str, str] = {}
    red: dict[str, list[str]] = defaultdict(list)
    short = 0
    for count in document["counts"]:
        total = sum(count["verdicts"].values())
        short += not count["enough"]
        if count["gateway"] == CORRECT:
            good = count["verdicts"].get("pass", 0) + count["verdicts"].get("n/a", 0)
            green[count["check"]] = f"{good} of {total}"
        elif count["expected"] == "fail":
            red[count["check"]].append(f"{count['gateway']} {count['verdicts'].get('fail', 0)} of {total}")
    lines = [
        f"In the virtual world: {document['runs']} runs in {document['seconds'] // 60} min {document['seconds'] % 60} s; "
        f"{short} counts are not enough.\n",
        "| check | green for the correct gateway | red for its own faults |",
        "|---|---|---|",
        *(f"| `{check}` | {good} | {', '.join(red[check]) or '-'} |" for check, good in sorted(green.items())),
    ]
    return "\n".join([*lines, ""])


def main(arguments: list[str] | None = None) -> int:
    """Replace what stands between the page's comments."""
    parser = argparse.ArgumentParser(prog="python -m tests.faulty.page", description=__doc__)
    parser.add_argument("--cells", type=Path)
    parser.add_argument("--seeds", type=Path)
    options = parser.parse_args(arguments)
    page = PAGE.read_text()
    for name, path, write in (("matrix", options.cells, matrix), ("seeds", options.seeds, by_seed)):
        if path is not None:
            before, start, rest = page.partition(f"<!-- {name} -->\n")
            _, end, after = rest.partition(f"<!-- end of the {name} -->")
            page = f"{before}{start}\n{write(json.loads(path.read_text()))}\n{end}{after}"
    PAGE.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
