"""Readings of simulated runs, kept for the session: the same knobs are played and read once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from gatebench.analysis.summary import summarise
from gatebench.analysis.tables import RunTables, read
from gatebench.run.folder import RunFolder
from gatebench.run.summary import CheckResult, Finding, MetricValue, Summary
from tests.factory import make_run

BRIEF = {"warmup_s": 0.5, "baseline_s": 4.0, "fault_s": 5.0, "recovery_s": 8.0}


@dataclass(frozen=True)
class Reading:
    """A run folder, its tables and its summary."""

    folder: RunFolder
    tables: RunTables
    summary: Summary

    def finding(self, name: str) -> Finding:
        """Return the finding of that name."""
        return next(finding for finding in self.summary.validity if finding.name == name)

    def check(self, metric: str) -> CheckResult:
        """Return the result of the check on that metric."""
        return next(check for check in self.summary.checks if check.metric == metric)

    def value(self, name: str, phase: str | None = None, route: str | None = None) -> MetricValue:
        """Return the value of a metric in one scope."""
        there = {(value.name, value.phase, value.route): value for value in self.summary.metrics}
        return there[name, phase, route]

    @property
    def invalid(self) -> set[str]:
        """Names of the findings that make the run invalid."""
        return {finding.name for finding in self.summary.validity if finding.status == "invalid"}


Read = Callable[..., Reading]


@pytest.fixture(scope="session")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Play a brief run with the given knobs, and read it."""
    kept: dict[str, Reading] = {}

    def read_run(**knobs: Any) -> Reading:
        turned = BRIEF | knobs
        key = repr(sorted(turned.items()))
        if key not in kept:
            folder = make_run(tmp_path_factory.mktemp("runs"), **turned)
            summary = summarise(folder)
            kept[key] = Reading(folder, read(folder), summary)
        return kept[key]

    return read_run


@pytest.fixture(scope="session")
def healthy(reading: Read) -> Reading:
    """The run in which nothing is wrong with us and the gateway fails over."""
    return reading()
