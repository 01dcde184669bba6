"""A target in a few lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatebench.content import Content
from gatebench.errors import ConfigurationError
from gatebench.extending import extended


def test_tables_are_merged_and_named_lists_by_their_names() -> None:
    """Everything else is replaced."""
    base = {
        "description": "a",
        "capabilities": ["x", "y"],
        "settings": {"one": 1, "two": 2},
        "process": [{"name": "gateway", "command": ["a"], "env": {"A": "1"}}],
    }
    own = {
        "capabilities": ["z"],
        "settings": {"two": 3},
        "process": [{"name": "gateway", "env": {"B": "2"}}, {"name": "redis", "command": ["redis"]}],
    }
    assert extended(base, own) == {
        "description": "a",
        "capabilities": ["z"],
        "settings": {"one": 1, "two": 3},
        "process": [
            {"name": "gateway", "command": ["a"], "env": {"A": "1", "B": "2"}},
            {"name": "redis", "command": ["redis"]},
        ],
    }
    assert base["settings"] == {"one": 1, "two": 2}


def workspace(folder: Path, **targets: str) -> Content:
    """Return a workspace with these targets."""
    for name, text in targets.items():
        (folder / "targets" / name).mkdir(parents=True)
        (folder / "targets" / name / "target.toml").write_text(text)
    return Content(folder)


def test_a_variant_keeps_the_templates_of_what_it_extends(tmp_path: Path) -> None:
    """Its own folder is another thing."""
    content = workspace(tmp_path, mine='extends = "reference"\ndescription = "mine"\n[settings]\nretries = 7\n')
    mine, reference = content.target("mine"), content.target("reference")
    assert mine.folder == reference.folder
    assert mine.own == tmp_path / "targets/mine"
    assert mine.definition.description == "mine"
    assert mine.definition.settings == {**reference.definition.settings, "retries": 7}
    assert mine.definition.process == reference.definition.process


@pytest.mark.parametrize(
    ("text", "said"),
    [('extends = "refrence"\n', 'Did you mean "reference"'), ('extends = "mine"\n', "extends it in turn")],
)
def test_nothing_to_extend_is_said(text: str, said: str, tmp_path: Path) -> None:
    """A name that is none, and a circle."""
    with pytest.raises(ConfigurationError) as raised:
        workspace(tmp_path, mine=text).target("mine")
    assert said in str(raised.value.problems[0])


def test_what_cannot_be_declared_is_said(tmp_path: Path) -> None:
    """A mechanism that is none, a role that is none, a setting that is not there: all at once."""
    text = """
extends = "reference"
[declares.limitter]
rate = "retries"
[declares.limiter]
speed = "retries"
rate = "nothing"
"""
    with pytest.raises(ConfigurationError) as raised:
        workspace(tmp_path, mine=text).target("mine")
    said = " ".join(str(problem) for problem in raised.value.problems)
    assert '"limitter" is no mechanism' in said
    assert '"speed" is nothing that limiter declares' in said
    assert 'declares.limiter.rate names the setting "nothing"' in said
