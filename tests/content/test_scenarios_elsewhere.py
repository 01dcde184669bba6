"""Every shipped scenario can be planned against every shipped target: it runs there, or it is not applicable."""

from __future__ import annotations

import pytest

from gatebench.analysis.metrics import known_metrics
from gatebench.content import Content
from gatebench.execution.asking import RunRequest
from gatebench.execution.planning import make_plan

CONTENT = Content()


@pytest.mark.parametrize("target", ["direct", "haproxy", "nginx", "reference"])
@pytest.mark.parametrize("name", CONTENT.scenario_names())
def test_it_runs_or_is_not_applicable(name: str, target: str) -> None:
    """What a target lacks is never a mistake of whoever asks."""
    plan = make_plan(RunRequest(scenario=name, target=target, seed=1), CONTENT, known_metrics())
    definition = plan.target.definition
    assert definition is not None
    lacking = [need for need in CONTENT.scenario(name).scenario.needs if need not in definition.capabilities]
    assert (plan.not_applicable is None) == (not lacking)
    assert not (lacking and plan.faults)
