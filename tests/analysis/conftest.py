"""Readings of simulated runs, kept for the session: the same knobs are played and read once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import pytest

from gatebench.analysis.checks import judge
from gatebench.analysis.ledger import balance
from gatebench.analysis.metrics import measure
from gatebench.analysis.summary import summarise
from gatebench.analysis.tables import RunTables, read
from gatebench.analysis.validity import findings
from gatebench.run.folder import RunFolder
from gatebench.run.summary import CheckResult, Finding, Ledger, MetricValue, Summary
from tests.factory import make_run

BRIEF = {"warmup_s": 0.5, "baseline_s": 4.0, "fault_s": 5.0, "recovery_s": 8.0}


class Reading:
    """A run folder, its tables and its summary; each part is read when it is first asked for, for the whole takes seconds."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._values: dict[str, list[MetricValue]] = {}

    @property
    def folder(self) -> RunFolder:
        """The run folder, with its summary written."""
        assert self.summary
        return self._run

    @cached_property
    def tables(self) -> RunTables:
        """The tables."""
        return read(self._run)

    @cached_property
    def summary(self) -> Summary:
        """The whole reading, as the command makes it."""
        return summarise(self._run)

    @cached_property
    def ledger(self) -> Ledger:
        """The books."""
        return balance(self.tables)

    @cached_property
    def validity(self) -> list[Finding]:
        """Every question to the measurement."""
        return findings(self.tables, self.ledger)

    @cached_property
    def checks(self) -> list[CheckResult]:
        """The result of every check."""
        return judge(self.tables, measure(self.tables, {use.metric for use in self.tables.plan.checks}))

    def finding(self, name: str) -> Finding:
        """Return the finding of that name."""
        return next(finding for finding in self.validity if finding.name == name)

    def check(self, metric: str) -> CheckResult:
        """Return the result of the check on that metric."""
        return next(check for check in self.checks if check.metric == metric)

    def value(self, name: str, phase: str | None = None, route: str | None = None) -> MetricValue:
        """Return the value of a metric in one scope."""
        if name not in self._values:
            self._values[name] = measure(self.tables, {name})
        there = {(value.name, value.phase, value.route): value for value in self._values[name]}
        return there[name, phase, route]

    @property
    def invalid(self) -> set[str]:
        """Names of the findings that make the run invalid."""
        return {finding.name for finding in self.validity if finding.status == "invalid"}


Read = Callable[..., Reading]


@pytest.fixture(scope="session")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Play a brief run with the given knobs, and read it."""
    kept: dict[str, Reading] = {}

    def read_run(**knobs: Any) -> Reading:
        turned = BRIEF | knobs
        key = repr(sorted(turned.items()))
        if key not in kept:
            kept[key] = Reading(make_run(tmp_path_factory.mktemp("runs"), **turned))
        return kept[key]

    return read_run


@pytest.fixture(scope="session")
def healthy(reading: Read) -> Reading:
    """The run in which nothing is wrong with us and the gateway fails over."""
    return reading()
