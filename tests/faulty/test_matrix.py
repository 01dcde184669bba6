"""A measurement that cannot be trusted says nothing of the gateway: it is made again, and only so often."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from tests.faulty import matrix
from tests.faulty.table import load

SICK = {"verdict": "invalid", "reasons": ["The generator was late."]}
WELL = {
    "verdict": "pass",
    "checks": [{"metric": "billed", "phase": None, "route": None, "verdict": "pass", "why": ""}],
}


@pytest.mark.parametrize(("sick", "runs", "right"), [(0, 1, True), (1, 2, True), (2, 3, True), (9, 3, False)])
def test_an_invalid_run_is_made_again(monkeypatch: pytest.MonkeyPatch, sick: int, runs: int, right: bool) -> None:
    """Twice at most; what is invalid still is wrong, and says why."""
    made: list[str] = []

    def run(folder: object, profile: str, target: str, seed: int) -> Mapping[str, Any]:
        made.append(target)
        return SICK if len(made) <= sick else WELL

    monkeypatch.setattr(matrix, "run", run)
    said = io.StringIO()
    chosen = {"profiles": frozenset({"billing"}), "gateways": frozenset({"correct"})}
    [cell] = matrix.measure(load(), 1, own=False, console=Console(file=said), **chosen)
    assert len(made) == runs
    assert cell.right == right
    assert ("The generator was late." in said.getvalue()) is not right
