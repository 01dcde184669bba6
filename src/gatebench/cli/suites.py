"""Suites on the command line: finds one, says everything that is wrong with it, and to which targets its scenarios do not apply."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from gatebench.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from gatebench.cli.requests import Wanted
    from gatebench.content import Content
    from gatebench.suite import Suite


def find_suite(name: str | None, problems: list[Problem]) -> Suite | None:
    """Return the suite of that name; None when none was asked for, or `problems` says what is wrong with it."""
    from gatebench.analysis.metrics import known_metrics
    from gatebench.content import Content

    if name is None:
        return None
    content = Content()
    found = suite_problems(name, content, known_metrics())
    problems += found
    return None if found else content.suite(name)


def suite_problems(name: str, content: Content, metrics: Collection[str]) -> list[Problem]:
    """Return what is wrong with a suite: its file, metrics that are none, phases that its scenarios have not."""
    where = f"scenarios/{name}.toml"
    try:
        suite = content.suite(name)
        phases = {
            entry.name: [phase.name for phase in content.scenario(entry.name).scenario.phases]
            for entry in suite.scenario
        }
    except ConfigurationError as error:
        return list(error.problems)
    found = []
    for one in suite.question:
        if one.metric not in metrics:
            what = f'"{one.title}" asks for the metric {one.metric}, which is none.'
            found.append(Problem(where, what, "`bench ls metrics` lists them."))
        if one.phase is not None and one.phase not in phases[one.scenario]:
            what = f'"{one.title}" asks for the phase {one.phase}, which {one.scenario} has not.'
            found.append(Problem(where, what, f"Its phases are: {', '.join(phases[one.scenario])}."))
    return found


def not_applicable(asked: Wanted, suite: Suite) -> dict[str, dict[str, str]]:
    """Return by scenario which targets it does not apply to, and why."""
    found: dict[str, dict[str, str]] = {}
    for (scenario, target), plan in asked.plans.items():
        definition = plan.target.definition
        lacks = [one for one in suite.entry(scenario).needs if definition and one not in definition.capabilities]
        why = plan.not_applicable or (f"{target} does not declare {', '.join(lacks)}" if lacks else None)
        if why is not None:
            found.setdefault(scenario, {})[target] = why
    return found
