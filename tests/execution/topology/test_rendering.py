"""A target's templates see the addresses and settings of the run, and a mistake in one is named."""

from pathlib import Path

import pytest

from gatebench.errors import ConfigurationError
from gatebench.execution.topology.rendering import Rendering
from gatebench.plan import TargetPlan
from gatebench.target import TargetDefinition


def rendering(folder: Path, template: str = "") -> Rendering:
    """A rendering of a target with one template."""
    (folder / "gw.conf.j2").write_text(template)
    definition = TargetDefinition.model_validate(
        {
            "description": "x",
            "entry": "gw",
            "process": [{"name": "gw", "command": ["gw"]}],
            "render": [{"template": "gw.conf.j2", "to": "conf/gw.conf"}],
        }
    )
    plan = TargetPlan(name="mine", folder=str(folder), definition=definition)
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
