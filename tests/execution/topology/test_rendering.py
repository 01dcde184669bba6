"""A target's templates see the addresses and settings of the run, and a mistake in one is named."""

from pathlib import Path

import pytest

from gatebench.errors import ConfigurationError, Problem
from gatebench.execution.topology.rendering import Rendering, named_for, rehearse
from gatebench.plan import TargetPlan
from gatebench.target import TargetDefinition
from gatebench.traffic import Route, Traffic


def target(folder: Path, **more: object) -> TargetPlan:
    """A target with one process."""
    gateway = {"description": "x", "entry": "gw", "process": [{"name": "gw", "command": ["gw"]}]}
    definition = TargetDefinition.model_validate({**gateway, **more})
    return TargetPlan(name="mine", folder=str(folder), definition=definition)


def rendering(folder: Path, template: str = "", **more: object) -> Rendering:
    """A rendering of a target with one template."""
    (folder / "gw.conf.j2").write_text(template)
    plan = target(folder, render=[{"template": "gw.conf.j2", "to": "conf/gw.conf"}], **more)
    values = {"port": 8080, "settings": {"open": "1500ms"}, "providers": [{"name": "a", "url": "http://127.0.0.1:1"}]}
    return Rendering(plan, values)


def test_values_and_filters(tmp_path: Path) -> None:
    """Durations become seconds or milliseconds, lists can be walked, JSON is JSON."""
    made = rendering(tmp_path)
    assert made.text("--port={{ port }}") == "--port=8080"
    assert made.text("{{ settings.open | seconds }} {{ settings.open | ms }}") == "1.5 1500"
    assert made.text("{% for p in providers %}{{ p.url }}{% endfor %}") == "http://127.0.0.1:1"
    assert made.text("{{ providers | tojson }}") == '[{"name": "a", "url": "http://127.0.0.1:1"}]'


def test_files_are_written_and_digested(tmp_path: Path) -> None:
    """The digest follows the content, so that two runs with different configurations can be told apart."""
    out = tmp_path / "out"
    out.mkdir()
    first = rendering(tmp_path, "listen {{ port }};\n").files(out)
    assert (out / "conf" / "gw.conf").read_text() == "listen 8080;\n"
    assert first == rendering(tmp_path, "listen {{ port }};\n").files(out)
    assert first != rendering(tmp_path, "listen {{ port + 1 }};\n").files(out)


@pytest.mark.parametrize("template", ["{{ prot }}", "{% if %}", "{{ 'soon' | seconds }}"])
def test_a_mistake_is_named_with_its_place(tmp_path: Path, template: str) -> None:
    """An unknown name, broken syntax, a value that is no duration."""
    with pytest.raises(ConfigurationError, match=r"targets/mine/target.toml: .* does not render"):
        rendering(tmp_path).text(template)


def test_a_header_is_one_line_and_may_come_from_a_file(tmp_path: Path) -> None:
    """Line ends and the blanks around them go; blanks within a line stay."""
    template = '{\n  "retries": {{ port }},\n  "to": "a b"\n}\n'
    made = rendering(tmp_path, template, headers={"x-config": "{% include 'gw.conf.j2' %}", "x-port": "{{ port }}"})
    assert made.headers() == {"x-config": '{"retries": 8080,"to": "a b"}', "x-port": "8080"}


@pytest.mark.parametrize("value", ["{{ prot }}", "\N{EURO SIGN}"])
def test_a_header_that_cannot_be_sent_is_a_problem_before_anything_starts(tmp_path: Path, value: str) -> None:
    """An unknown name, or what Latin-1 has no letter for."""
    [problem] = rehearse(target(tmp_path, headers={"x-config": value}), ["provider-a"])
    assert "does not render" in str(problem)


def test_models_are_called_what_the_target_calls_them(tmp_path: Path) -> None:
    """Each route's own name goes into the template; without one nothing changes."""
    traffic = Traffic(routes=(Route(name="one", model="small"), Route(name="two", model="large")))
    problems: list[Problem] = []
    named = named_for(target(tmp_path, model="mine::{{ model }}"), traffic, problems)
    assert [route.model for route in named.routes] == ["mine::small", "mine::large"]
    assert named_for(target(tmp_path), traffic, problems) == traffic
    assert not problems
    named_for(target(tmp_path, model="{{ modle }}"), traffic, problems)
    assert len(problems) == 1
