"""Suites on the command line: finds one, says everything that is wrong with it, and to which targets its scenarios do not apply."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from typing import TYPE_CHECKING

from gatebench.errors import ConfigurationError, Problem
from gatebench.units import rate_per_s

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
    can, targets = _known(content)
    known = f"Known are: {', '.join(sorted(can))}."
    asked = [*(entry.needs for entry in suite.scenario), *(one.needs for one in suite.question)]
    needs = {need for needs in asked for need in needs} - can
    found += [Problem(where, f'needs "{need}", which no target declares.', known) for need in sorted(needs)]
    strange = {target for entry in suite.scenario for target in entry.settings} - targets
    found += [
        Problem(where, f'has settings of "{one}", which is no target.', "Correct its name.") for one in sorted(strange)
    ]
    for entry in suite.scenario:
        if entry.rate is not None:
            try:
                rate_per_s(entry.rate)
            except ValueError as error:
                found.append(Problem(where, f"the rate of {entry.name}: {error}.", "Write for instance 60/s."))
    return found


def _known(content: Content) -> tuple[set[str], set[str]]:
    """Return every capability that some target declares, and the names of all targets."""
    can: set[str] = set()
    for name in content.target_names():
        with contextlib.suppress(ConfigurationError):  # `bench check` says what is wrong with it
            can |= set(content.target(name).definition.capabilities)
    return can, set(content.target_names())


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
