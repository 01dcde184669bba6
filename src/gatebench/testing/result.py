"""One run as a test sees it: its verdict, its checks and its numbers, none of which can be taken for another one by accident."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gatebench.analysis.wording import text
from gatebench.run.summary import CheckResult, MetricValue, Summary, Verdict

_Scoped = TypeVar("_Scoped", MetricValue, CheckResult)

_SIGNS = {"pass": "✓", "fail": "✗", "inconclusive": "?", "invalid": "!", "unknown": "?", "n/a": "–"}


class NoNumber(AssertionError):
    """A number that was asked for is unknown or censored; nothing may be asserted on it."""


@dataclass(frozen=True, repr=False)
class RunResult:
    """A run that was made: `folder` is its run folder, `summary` everything that was read from it."""

    folder: Path
    summary: Summary

    @property
    def verdict(self) -> Verdict:
        """The run's verdict: pass, fail, inconclusive or invalid."""
        return self.summary.verdict

    @property
    def passed(self) -> bool:
        """Whether every applicable check passed and the measurement can be trusted."""
        return self.summary.verdict == "pass"

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.folder / "report.html"

    def metric(self, name: str, *, phase: str | None = None, route: str | None = None) -> MetricValue:
        """Return a metric of the whole run, of a phase or of a route: value, interval, unit and status.

        Without a phase, a metric that is known in one phase only is that one. LookupError says which there are when there
        is none of this name, or several and none is meant.
        """
        found = [one for one in self.summary.metrics if one.name == name and one.route == route]
        if not found:
            raise LookupError(_no_metric(name, route, self.summary.metrics))
        return _meant(f"metric {name}", found, phase)

    def value(self, name: str, *, phase: str | None = None, route: str | None = None) -> float:
        """Return a metric's number, in its unit; NoNumber says why where it is unknown or only known to lie beyond a bound."""
        metric = self.metric(name, phase=phase, route=route)
        if metric.status != "known" or metric.value is None:
            beyond = f": it lies beyond {text(metric.value)} {metric.unit}" if metric.value is not None else ""
            place = f" in {metric.phase}" if metric.phase else ""
            why = f" ({metric.why})" if metric.why else ""
            raise NoNumber(f"{name}{place} is {metric.status}{beyond}{why}; {self.place()}")
        return metric.value

    def check(self, metric: str, *, phase: str | None = None, route: str | None = None) -> CheckResult:
        """Return what the scenario's check of `metric` found: its verdict, bound, number and evidence.

        LookupError lists the checks there are when there is none of this metric, or several and none is meant.
        """
        found = [one for one in self.summary.checks if one.metric == metric and one.route == route]
        if not found:
            known = ", ".join(dict.fromkeys(one.metric for one in self.summary.checks)) or "none"
            raise LookupError(f"{self.summary.scenario} has no check of {metric}; its checks are of: {known}.")
        return _meant(f"check of {metric}", found, phase)

    def explain(self) -> str:
        """Return in sentences what came of the run: the verdict and why, each check that did not pass, and where it lies."""
        summary = self.summary
        lines = [f"{_SIGNS[summary.verdict]} {summary.verdict.upper()}  {summary.headline}"]
        lines += [f"  • {reason}" for reason in summary.reasons]
        lines += [f"  ! {warning}" for warning in summary.warnings]
        lines += [line for check in summary.checks if check.verdict not in {"pass", "n/a"} for line in _told(check)]
        return "\n".join([*lines, f"  run     {self.place()}", f"  report  {shown(self.report)}"])

    def place(self) -> str:
        """Return the run folder as it is shown: relative to where we are, if it lies below."""
        return shown(self.folder)

    def __repr__(self) -> str:
        return f"<run {self.verdict}: {self.summary.headline} [{self.place()}]>"


def shown(path: Path) -> str:
    """Return a path as it is shown: relative to where we are, if it lies below."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _meant(what: str, found: list[_Scoped], phase: str | None) -> _Scoped:
    """Return the one in `phase`; without one, that of the whole run, or the only one there is."""
    exact = [one for one in found if one.phase == phase]
    if len(exact) == 1:
        return exact[0]
    if phase is None and len(found) == 1:
        return found[0]
    if len(exact) > 1:
        raise LookupError(f"There are {len(exact)} of {what}{f' in {phase}' if phase else ''}; look in summary.checks.")
    phases = ", ".join(one.phase or "the whole run (no phase=)" for one in found)
    asked = f"is not there in phase {phase!r}" if phase else "is there for several phases; name one with phase="
    raise LookupError(f"The {what} {asked}: {phases}.")


def _no_metric(name: str, route: str | None, metrics: Iterable[MetricValue]) -> str:
    known = list(dict.fromkeys(one.name for one in metrics))
    routes = [one.route for one in metrics if one.name == name and one.route]
    if routes:
        return f"{name} is not there for route {route!r}; its routes are: {', '.join(dict.fromkeys(routes))}."
    close = difflib.get_close_matches(name, known, n=3)
    cure = f"Did you mean {', '.join(close)}?" if close else f"There are: {', '.join(known)}."
    return f"The run has no metric {name}. {cure}"


def _told(check: CheckResult) -> list[str]:
    line = f"  {_SIGNS[check.verdict]} {check.verdict:<7} {check.sentence}"
    if check.value is not None:
        line += f": {'above ' if check.censored else ''}{text(check.value)}"
        if check.estimate == "interval" and check.low is not None and check.high is not None and check.low < check.high:
            line += f" ({text(check.low)} to {text(check.high)})"
    return [line, *([f"            {check.why}"] if check.why else [])]
