"""Control lanes are planned where there is a path past the gateway, and refused in a sentence where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatebench.content import Content
from gatebench.errors import ConfigurationError
from gatebench.execution.asking import RunRequest
from gatebench.execution.planning import make_plan
from gatebench.plan import Plan

SCENARIO = '''"""A title."""
from gatebench import Scenario, check, phase, poisson
from gatebench.traffic import chat
scenario = Scenario(traffic=chat(), load=poisson("30/s"), objective={{"response_ms": 100}},
    phases=[phase("baseline", "2s")], checks=[check("availability", at_least=0.5)], lanes={lanes}, {more})
'''


def planned(root: Path, target: str, lanes: str = '("target", "direct", "null")', more: str = "") -> Plan:
    """Plan a scenario with these lanes."""
    (root / "scenarios").mkdir(exist_ok=True)
    (root / "scenarios" / "paired.py").write_text(SCENARIO.format(lanes=lanes, more=more))
    return make_plan(RunRequest(scenario="paired", target=target, seed=1), Content(root), {"availability"})


def refusals(root: Path, target: str, lanes: str = '("target", "direct", "null")', more: str = "") -> list[str]:
    """Every reason why it cannot be planned."""
    with pytest.raises(ConfigurationError) as caught:
        planned(root, target, lanes, more)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("target", ["reference", "direct"])
def test_the_controls_reach_the_first_provider(tmp_path: Path, target: str) -> None:
    """Past a gateway, and for an A/A of the direct path itself."""
    plan = planned(tmp_path, target)
    assert plan.lanes == ("target", "direct", "null")
    assert plan.control_provider() == "provider-a"


def test_the_controls_follow_the_entry_of_a_target_without_a_gateway(tmp_path: Path) -> None:
    """Otherwise an A/A would compare two providers."""
    folder = tmp_path / "targets" / "second"
    folder.mkdir(parents=True)
    (folder / "target.toml").write_text('description = "past everything"\nentry = "provider-b"\n')
    assert planned(tmp_path, "second").control_provider() == "provider-b"


def test_a_url_has_no_path_past_it(tmp_path: Path) -> None:
    """Somebody else's gateway asks providers that are not ours: refused before anything starts, with the cure."""
    (problem,) = refusals(tmp_path, "http://127.0.0.1:9")
    assert "compares http://127.0.0.1:9 with a path past it, but its upstreams are not ours" in problem
    assert "targets/README.md" in problem
    assert planned(tmp_path, "http://127.0.0.1:9", '("target",)').lanes == ("target",)


@pytest.mark.parametrize(
    "lanes", ['("direct",)', '("target", "null")', '("target", "target")', '("target", "moon")', "()"]
)
def test_lanes_that_compare_nothing_are_refused(tmp_path: Path, lanes: str) -> None:
    """The target comes first, and the null lane is measured against the direct one."""
    (problem,) = refusals(tmp_path, "reference", lanes)
    assert "is no choice of lanes. Write" in problem and '("target", "direct", "null")' in problem


def test_a_provider_cannot_take_the_name_of_a_link(tmp_path: Path) -> None:
    """The links of the controls stand beside those of the providers, under names of their own."""
    found = refusals(tmp_path, "reference", more='providers={"front-direct": {}}')
    assert any('"front-direct" cannot be a provider' in problem for problem in found)
