"""Runs that nobody made, as a test of the plugin finds them: played by the factory, read as real ones are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gatebench.analysis.summary import summarise
from gatebench.experiment import making
from gatebench.plan import Plan
from gatebench.run.folder import RunFolder
from gatebench.testing import Gatebench, RunResult
from tests.factory import make_run

BRIEF = {"warmup_s": 0.5, "baseline_s": 4.0, "fault_s": 5.0, "recovery_s": 8.0}


def played(root: Path, **knobs: object) -> RunResult:
    """Play a brief run below `root`, read it and return it."""
    folder = make_run(root, **BRIEF | knobs)
    return RunResult(folder.path, summarise(folder))


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A run that passed."""
    return played(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="session")
def failed(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A run in which a few requests were lost."""
    return played(tmp_path_factory.mktemp("failed"), lost=9)


@pytest.fixture(scope="session")
def sick(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A run that cannot be trusted: its fault did not bite."""
    return played(tmp_path_factory.mktemp("sick"), bite=0.0)


Faking = Callable[..., list[tuple[Plan, Path, making.Making]]]


@pytest.fixture
def faking(monkeypatch: pytest.MonkeyPatch) -> Faking:
    """Have a stored run stand for whatever is asked for; what was asked for is in the list."""

    def fake(
        result: RunResult | None, code: int = 0, error: Exception | None = None
    ) -> list[tuple[Plan, Path, making.Making]]:
        asked: list[tuple[Plan, Path, making.Making]] = []

        def make(plan: Plan, out: Path, how: making.Making) -> making.Made:
            asked.append((plan, out, how))
            folder = RunFolder(result.folder) if result else None
            return making.Made(folder, result.summary if result else None, code, error)  # type: ignore[arg-type]

        monkeypatch.setattr(making, "make", make)
        return asked

    return fake


@pytest.fixture
def bench(tmp_path: Path) -> Gatebench:
    """What a test gets, in an empty workspace."""
    return Gatebench(workspace=tmp_path, out=tmp_path / "runs")
