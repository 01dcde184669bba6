"""Which mechanisms a run's checks ask about: a timeline stands only where somebody wants to see it."""

from __future__ import annotations

from collections.abc import Collection

from gatebench.analysis.metrics import metrics
from gatebench.plan import Plan


def judges(plan: Plan, modules: Collection[str]) -> bool:
    """Tell whether a check of the plan judges a metric of one of these modules of `gatebench.analysis.metrics`."""
    known = metrics()
    judged = (known[check.metric] for check in plan.checks if check.metric in known)
    return any(entry.function.__module__.rpartition(".")[2] in modules for entry in judged)
