"""Whether control lanes can be driven beside a target: they need a path to our provider that does not pass through it."""

from __future__ import annotations

from gatebench.execution.asking import Problems, RunRequest
from gatebench.plan import TargetPlan
from gatebench.scenario import ONE_LANE, Scenario
from gatebench.schedule import Load


def refuse_controls(
    request: RunRequest, scenario: Scenario, target: TargetPlan, *, where: str, problems: Problems
) -> None:
    """Say why the scenario's control lanes have nowhere to go; a scenario of one lane has none."""
    controls = [lane for lane in scenario.lanes if lane not in ONE_LANE]
    if not controls:
        return
    load = scenario.load
    tasks = any(route.kind == "task" for route in scenario.traffic.routes)
    plain = isinstance(load, Load) and load.route is None and load.tenant is None and not tasks
    if not plain:
        problems.say(
            where,
            "deals every request to several lanes, which a load that says whom each arrival is for cannot be.",
            "Use one open load without route and tenant, as in poisson().",
        )
    if request.remote_workers:
        cure = "Use workers on this machine: --workers 2."
        problems.say("--remote-workers", "the links of the control lanes are of this machine only.", cure)
    if not target.is_ours:
        problems.say(
            where,
            f"compares {target.name} with a path past it, but its upstreams are not ours, so that there is none.",
            "Describe your gateway as a target folder (targets/README.md), or run a scenario of one lane (smoke).",
        )
