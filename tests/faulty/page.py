"""Writes the matrix into docs/oracles.md: `python -m tests.faulty.page CELLS.json`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.faulty.matrix import Cell
from tests.faulty.table import Table, load
from tests.faulty.workspace import CORRECT

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "oracles.md"
_BETWEEN: Final = re.compile(r"(<!-- matrix -->\n).*?(<!-- end of the matrix -->)", re.DOTALL)


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


def main() -> int:
    """Replace what stands between the page's two comments."""
    document = json.loads(Path(sys.argv[1]).read_text())
    cells = [Cell(**cell) for cell in document["cells"]]
    table = load()
    wrong = sum(not cell.right for cell in cells)
    red = sum(cell.right and cell.expected == "fail" for cell in cells)
    runs = len({(cell.gateway, cell.check.partition("/")[0]) for cell in cells})
    head = (
        f"Live, seed {document['seed']}: {runs} runs in {document['seconds'] // 60} min {document['seconds'] % 60} s, "
        f"{len(cells)} cells, {red} red as they have to be, {wrong} wrong.\n"
    )
    text = "\n".join([head, *faults(table), *sections(table, cells)])
    page = PAGE.read_text()
    PAGE.write_text(_BETWEEN.sub(lambda found: f"{found[1]}\n{text}\n{found[2]}", page))
    return 0


if __name__ == "__main__":
    sys.exit(main())
