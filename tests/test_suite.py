"""Suites: what their files may say, and that the shipped one asks what can be answered."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from gatebench.analysis.metrics import known_metrics
from gatebench.cli.suites import suite_problems
from gatebench.content import Content
from gatebench.errors import ConfigurationError
from gatebench.suite import Suite

ENTRY = {"name": "smoke"}
QUESTION = {"title": "Lost", "asks": "How many?", "scenario": "smoke", "metric": "requests_lost"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"scenario": [ENTRY, ENTRY], "question": [QUESTION]}, "smoke is listed twice"),
        ({"scenario": [ENTRY], "question": [QUESTION | {"scenario": "spike"}]}, "spike, which is not in the suite"),
        ({"scenario": [ENTRY], "question": [QUESTION, QUESTION]}, 'two questions are called "Lost"'),
        ({"scenario": [ENTRY], "question": []}, "at least 1 item"),
        ({"scenario": [ENTRY | {"time_scale": 0}], "question": [QUESTION]}, "greater than 0"),
    ],
)
def test_a_suite_that_cannot_be_is_refused(given: dict[str, object], said: str) -> None:
    """In words."""
    with pytest.raises(ValidationError, match=said):
        Suite.model_validate({"description": "x", **given})


@pytest.mark.parametrize("name", Content().suite_names())
def test_a_shipped_suite_asks_what_its_scenarios_measure(name: str) -> None:
    """Every metric is one, every phase is the scenario's, and every need is a capability that some target declares."""
    content = Content()
    suite = content.suite(name)
    declared = {one for target in content.target_names() for one in content.target(target).definition.capabilities}
    for question in suite.question:
        scenario = content.scenario(question.scenario).scenario
        assert question.metric in known_metrics()
        assert question.phase is None or question.phase in [phase.name for phase in scenario.phases]
        assert set(question.needs) <= declared
    assert {entry.name for entry in suite.scenario} == {question.scenario for question in suite.question}


def test_a_suite_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    """And a scenario that it lists and is not there, too."""
    with pytest.raises(ConfigurationError, match=r'no suite of this name\. Did you mean "resilience"'):
        Content().suite("resilence")
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "mine.toml").write_text(
        'description = "x"\nscenario = [{ name = "smokee" }]\n'
        'question = [{ title = "a", asks = "b", scenario = "smokee", metric = "availability" }]\n'
    )
    mine = Content(tmp_path)
    assert mine.suite_names() == ["mine", "resilience"]
    with pytest.raises(ConfigurationError, match=r'scenarios/mine\.toml.*Did you mean "smoke"'):
        mine.suite("mine")
    assert any("smokee" in str(problem) for problem in mine.problems())


def test_what_is_wrong_with_a_suite_is_said_at_once(tmp_path: Path) -> None:
    """Metrics, phases, capabilities, targets and rates that are none."""
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "mine.toml").write_text(
        'description = "x"\n'
        'scenario = [{ name = "smoke", rate = "60 an hour", needs = ["failver"], settings.refrence = { a = 1 } }]\n'
        'question = [{ title = "a", asks = "b", scenario = "smoke", metric = "availabilty", phase = "faulty" }]\n'
    )
    said = " ".join(str(one) for one in suite_problems("mine", Content(tmp_path), known_metrics()))
    for words in (
        "availabilty, which is none",
        "faulty, which smoke has not",
        '"failver", which no target',
        '"refrence", which is no',
    ):
        assert words in said
    assert "the rate of smoke" in said
