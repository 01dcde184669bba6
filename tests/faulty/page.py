"""Writes what was found into docs/oracles.md: `python -m tests.faulty.page [--cells CELLS.json] [--seeds SEEDS.json...]`.

What was not run live is shown from the virtual world, with a `*`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.faulty.matrix import Cell
from tests.faulty.table import Gateway, Table, expectation, load
from tests.faulty.workspace import CORRECT

_NOT_PLAYED: Final = (
    "All other pairs of gateway and profile are `make oracle-seeds`'s to play; for this page they were not."
)
_ENOUGH: Final = 300
_RED: Final = ("fail",)
_GREEN: Final = ("pass", "n/a")
PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "oracles.md"


class Shown(NamedTuple):
    """A cell of the page, and whether it is of a live run."""

    cell: Cell
    live: bool

    def mark(self) -> str:
        """Return how it is shown."""
        return _mark(self.cell) + ("" if self.live else "\\*")

    def is_green(self) -> bool:
        """Tell whether it is right and nothing to look at."""
        return _mark(self.cell) in ("·", "n/a")


def _mark(cell: Cell) -> str:
    if not cell.right:
        return f"**wrong: {cell.verdict}**"
    if cell.expected == "fail":
        return "**red**"
    if cell.verdict == "fail":
        return "(red)"
    return {"pass": "·", "n/a": "n/a"}.get(cell.verdict, "?")


def played(documents: Sequence[Mapping[str, Any]]) -> Iterator[Cell]:
    """Yield a cell for each count of the virtual world: the verdict it took most often, of those that it must not take if any."""
    for count in counts(documents):
        verdicts = count["verdicts"]
        verdict = "fail" if verdicts.get("fail") else max(verdicts, key=lambda name: verdicts[name])
        yield Cell(count["gateway"], count["check"], verdict, count["expected"], count["enough"], count["why"])


def counts(documents: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the counts of all documents, added up and held against the table as it is now."""
    by_name: dict[str, Gateway] = {gateway.name: gateway for gateway in load().gateway}
    verdicts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    reasons: dict[tuple[str, str], str] = {}
    for count in (count for document in documents for count in document["counts"]):
        cell = count["gateway"], count["check"]
        verdicts[cell].update(count["verdicts"])
        reasons[cell] = reasons.get(cell, "") or count["why"]
    for (name, check), seen in verdicts.items():
        expected, enough = expectation(by_name.get(name), check, seen)
        yield {"gateway": name, "check": check, "verdicts": dict(seen), "expected": expected, "enough": enough,
               "why": reasons[name, check]}  # fmt: skip


def sections(table: Table, shown: Sequence[Shown]) -> Iterator[str]:
    """Yield a section for each profile: its checks across, and down the gateways that are not green in all of them."""
    for profile, facts in table.profile.items():
        inside = [one for one in shown if one.cell.check.startswith(f"{profile}/")]
        checks = list(dict.fromkeys(one.cell.check for one in inside if one.cell.gateway == CORRECT))
        if not checks:
            continue
        by = {(one.cell.gateway, one.cell.check): one for one in inside}
        names = [name for name in dict.fromkeys(one.cell.gateway for one in inside) if name != CORRECT]
        rows = {name: [by[name, one] for one in checks if (name, one) in by] for name in names}
        plain = [name for name in names if all(one.is_green() for one in rows[name])]
        titles = [check.removeprefix(f"{profile}/").replace("/", " in ") for check in checks]
        yield f"### {profile}: {facts.about}\n"
        yield f"| gateway | {' | '.join(f'`{title}`' for title in titles)} |"
        yield f"|---|{'---|' * len(checks)}"
        for name in [CORRECT, *(name for name in names if name not in plain)]:
            row = [by[name, one].mark() if (name, one) in by else "" for one in checks]
            yield f"| {name} | {' | '.join(row)} |"
        for how, live in (("live", True), ("in the virtual world", False)):
            others = [name for name in plain if all(one.live == live for one in rows[name])]
            if others:
                yield f"\nGreen (or n/a) everywhere here, {how}: {', '.join(others)}."
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


def matrix(live: Mapping[str, Any], virtual: Sequence[Mapping[str, Any]]) -> str:
    """Return the matrix in Markdown: what was run live, and for what was not the virtual world."""
    cells = [Cell(**cell) for cell in live["cells"]]
    table = load()
    there = {(cell.gateway, cell.check.partition("/")[0]) for cell in cells}
    others = [cell for cell in played(virtual) if (cell.gateway, cell.check.partition("/")[0]) not in there]
    others = [cell for cell in others if cell.gateway != CORRECT]
    pairs = {
        (gateway.name, name) for name, profile in table.profile.items() if profile.virtual for gateway in table.gateway
    }
    played_pairs = {(cell.gateway, cell.check.partition("/")[0]) for cell in others}
    elsewhere = (
        f"Of the {len(pairs - there)} other pairs of gateway and profile {len(played_pairs)} were played in the virtual world (`*`): "
        f"{_said(others)}."
        if others
        else _NOT_PLAYED
    )
    head = (
        f"Live, seed {live['seed']}: {len(there)} runs in {live['seconds'] // 60} min {live['seconds'] % 60} s, {_said(cells)}. "
        f"{elsewhere}\n"
    )
    shown = [*(Shown(cell, live=True) for cell in cells), *(Shown(cell, live=False) for cell in others)]
    return "\n".join([head, *faults(table), *sections(table, shown)])


def _said(cells: Sequence[Cell]) -> str:
    red = sum(cell.right and cell.expected == "fail" for cell in cells)
    return f"{len(cells)} cells, {red} red as they have to be, {sum(not cell.right for cell in cells)} wrong"


def by_seed(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return a line for each check: how often it was green for the correct gateway, how often red for its own faults."""
    green: dict[str, Counter[str]] = defaultdict(Counter)
    red: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    short = 0
    for count in counts(documents):
        short += not count["enough"]
        if count["gateway"] == CORRECT:
            green[count["check"]].update(count["verdicts"])
        elif count["expected"] == "fail":
            red[count["check"]][count["gateway"]].update(count["verdicts"])
    seconds = sum(document["seconds"] for document in documents)
    runs = sum(document["runs"] for document in documents)
    lines = [
        f"In the virtual world: {runs} runs in {seconds // 60} min {seconds % 60} s; {short} counts are not enough. "
        f"Of {len(green)} checks {sum(seen.total() >= _ENOUGH for seen in green.values())} were asked of the correct gateway by "
        f"{_ENOUGH} seeds or more, the others by fewer, as the table says.\n",
        "| check | green for the correct gateway | red for its own faults |",
        "|---|---|---|",
        *(
            f"| `{check}` | {_of(seen, *_GREEN)} | "
            f"{', '.join(f'{name} {_of(verdicts, *_RED)}' for name, verdicts in red[check].items()) or '-'} |"
            for check, seen in sorted(green.items())
        ),
    ]
    return "\n".join([*lines, ""])


def _of(verdicts: Counter[str], *good: str) -> str:
    return f"{sum(verdicts[name] for name in good)} of {verdicts.total()}"


def main(arguments: list[str] | None = None) -> int:
    """Replace what stands between the page's comments."""
    parser = argparse.ArgumentParser(prog="python -m tests.faulty.page", description=__doc__)
    parser.add_argument("--cells", type=Path)
    parser.add_argument("--seeds", type=Path, nargs="*", default=[])
    options = parser.parse_args(arguments)
    virtual = [json.loads(path.read_text()) for path in options.seeds]
    page = PAGE.read_text()
    if options.cells:
        page = _replaced(page, "matrix", matrix(json.loads(options.cells.read_text()), virtual))
    if virtual:
        page = _replaced(page, "seeds", by_seed(virtual))
    PAGE.write_text(page)
    return 0


def _replaced(page: str, name: str, text: str) -> str:
    before, start, rest = page.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- end of the {name} -->")
    return f"{before}{start}\n{text}\n{end}{after}"


if __name__ == "__main__":
    sys.exit(main())
