"""Resolves what a scenario says of its providers: traces of latencies are read and checked, before anything is started."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gatebench.errors import ConfigurationError
from gatebench.execution.asking import Problems
from gatebench.latency import MeasuredLatency
from gatebench.latency_trace import filled
from gatebench.plan import ProviderPlan
from gatebench.scenario import Scenario


def planned_providers(scenario: Scenario, folders: Sequence[Path], problems: Problems) -> tuple[ProviderPlan, ...]:
    """Return the providers of the plan; `problems` gets those of all traces, each file's once."""
    planned = []
    faulty: set[str] = set()
    for name, model in scenario.providers.items():
        latency = model.latency
        if isinstance(latency, MeasuredLatency) and latency.path not in faulty:
            try:
                latency = filled(latency, folders)
            except ConfigurationError as error:
                faulty.add(latency.path)
                problems.extend(error.problems)
        planned.append(
            ProviderPlan(name=name, latency=latency, limits=model.limits, processes=model.processes, rest=model.rest)
        )
    return tuple(planned)
