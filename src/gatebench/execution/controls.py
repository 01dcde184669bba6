"""Whether control lanes can be driven beside a target: they need a path to our provider that does not pass through it."""

from __future__ import annotations

from gatebench.execution.asking import Problems
from gatebench.plan import TargetPlan
from gatebench.scenario import ONE_LANE, Scenario


def refuse_controls(scenario: Scenario, target: TargetPlan, where: str, problems: Problems) -> None:
    """Say why the scenario's control lanes have nowhere to go; a scenario of one lane has none."""
    controls = [lane for lane in scenario.lanes if lane not in ONE_LANE]
    if not controls:
        return
    if target.url is not None:
        problems.say(
            where,
            f"compares {target.url} with a path past it, but its upstreams are not ours, so that there is none.",
            "Describe your gateway as a target folder (targets/README.md), or run a scenario of one lane (smoke).",
        )
