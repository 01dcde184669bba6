"""Every shipped scenario can be planned against the target it is made for, and the reference gateway takes its settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatebench.analysis.metrics import known_metrics
from gatebench.content import Content
from gatebench.execution.asking import RunRequest
from gatebench.execution.planning import make_plan
from gatebench.execution.topology.place import Place
from gatebench.execution.topology.rendering import Rendering
from gatebench.execution.topology.target_values import target_values
from targets.reference.refgate.config import load_config

CONTENT = Content()
NAMES = CONTENT.scenario_names()


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_planned_and_its_settings_are_taken(name: str, tmp_path: Path) -> None:
    """With a store where the scenario needs one; whatever is wrong with it is found before anybody waits for a run."""
    target = (
        "reference-redis"
        if any(need.endswith("-redis") for need in CONTENT.scenario(name).scenario.needs)
        else "reference"
    )
    plan = make_plan(RunRequest(scenario=name, target=target, seed=1), CONTENT, known_metrics())
    assert plan.not_applicable is None
    assert plan.target.definition is not None
    places = {provider.name: Place("127.0.0.1", 1 + number) for number, provider in enumerate(plan.providers)}
    stores = {store.name: Place("127.0.0.1", 1) for store in plan.target.definition.store}
    values = target_values(
        plan, tmp_path, Place("127.0.0.1", 1), providers=places, stores=stores, ports=dict.fromkeys(stores, 1)
    )
    Rendering(plan.target, values).files(tmp_path)
    load_config(tmp_path / "gateway.json")
