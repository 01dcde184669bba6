"""Content is found, the user's own wins, and a broken file names every one of its problems."""

import os
from pathlib import Path

import pytest

from gatebench.content import Content
from gatebench.errors import ConfigurationError

SCENARIO = '''"""A title."""
from gatebench import Scenario, check, phase, poisson
from gatebench.traffic import chat
scenario = Scenario(traffic=chat({chat}), load=poisson("{rate}"), phases=[phase("baseline", "{length}")],
    objective={{"response_ms": 100}}, checks=[check("availability", {bound})])
'''


def workspace(root: Path, **files: str) -> Content:
    """A workspace with these files; `a__b` stands for a/b and the last underscore of the name for its dot."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_py", ".py").replace("_toml", ".toml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Content(root)


def good(**changes: str) -> str:
    """A scenario file that loads, with changes."""
    parts = {"chat": "", "rate": "5/s", "length": "1s", "bound": "at_least=0.9", **changes}
    return SCENARIO.format(**parts)


def problems(content: Content, name: str) -> list[str]:
    """The problems of a scenario, as sentences."""
    with pytest.raises(ConfigurationError) as caught:
        content.scenario(name)
    return [str(problem) for problem in caught.value.problems]


def test_everything_that_is_shipped_loads() -> None:
    """Scenarios, targets, faults."""
    content = Content()
    assert list(content.problems()) == []
    assert {"smoke", "failover-outage"} <= set(content.scenario_names())
    assert {"reference", "nginx", "direct"} <= set(content.target_names())
    assert {"provider-drops", "link-down", "latency"} <= set(content.fault_names())


def test_the_users_own_file_wins(tmp_path: Path) -> None:
    """A smoke.py in the workspace hides the shipped one; the others stay."""
    content = workspace(tmp_path, scenarios__smoke_py=good(rate="77/s"))
    assert content.scenario("smoke").scenario.load.sentence() == "flat poisson load 77/s"
    assert "failover-outage" in content.scenario_names()


def test_three_mistakes_are_three_problems(tmp_path: Path) -> None:
    """All at once, each with its place and its cure."""
    text = good(chat="tenants=0", rate="fast", length="soon")
    found = problems(workspace(tmp_path, scenarios__broken_py=text), "broken")
    assert len(found) == 3
    assert any("routes[0].tenants" in line for line in found)
    assert any('"fast" is not a rate' in line and "as in 200/s" in line for line in found)
    assert any('"soon" is not a duration' in line for line in found)


def test_a_misspelt_word_and_a_missing_bound_are_named(tmp_path: Path) -> None:
    """Unknown settings are refused, not ignored."""
    found = problems(workspace(tmp_path, scenarios__broken_py=good(chat="promt_words=3", bound="")), "broken")
    assert any('"promt_words" is not known here. Remove it or correct its spelling.' in line for line in found)
    assert any("needs exactly one bound" in line for line in found)


def test_python_that_does_not_parse_or_run_is_named_with_its_line(tmp_path: Path) -> None:
    """A syntax error, an exception, a file without a scenario."""
    content = workspace(
        tmp_path, scenarios__a_py="x = (\n", scenarios__b_py="\n1 / 0\n", scenarios__c_py='"""Nothing."""\n'
    )
    assert "scenarios/a.py:1: is not Python" in problems(content, "a")[0]
    assert "scenarios/b.py:2: raises ZeroDivisionError" in problems(content, "b")[0]
    assert 'scenarios/c.py: has no "scenario"' in problems(content, "c")[0]


def test_an_unknown_name_gets_a_suggestion(tmp_path: Path) -> None:
    """A typing error is answered with the nearest name."""
    assert problems(Content(tmp_path), "failover-outge") == [
        'failover-outge: there is no scenario of this name. Did you mean "failover-outage"?'
    ]
    with pytest.raises(ConfigurationError, match="there is no target of this name"):
        Content(tmp_path).target("tyk")


def test_a_name_cannot_leave_its_folder(tmp_path: Path) -> None:
    """Paths in names find nothing."""
    (tmp_path / "secret.toml").write_text("")
    with pytest.raises(ConfigurationError):
        workspace(tmp_path, chaos__x_toml="").fault("../secret")


def test_a_broken_target_names_every_problem(tmp_path: Path) -> None:
    """TOML errors and wrong fields, each with its file."""
    content = workspace(
        tmp_path,
        targets__torn__target_toml="description = ",
        targets__wrong__target_toml='description = "x"\nlisten = "0.0.0.0:1"\ncolour = "red"\n',
        targets__empty__target_toml='description = "x"\n[timing]\nopen_time = "nope"\n',
        targets__idle__target_toml='description = "x"\nentry = "provider-a"\npath_prefix = "/v2"\nuser = { id = "" }\n',
    )
    found = [str(problem) for problem in content.problems()]
    assert any(line.startswith("targets/torn/target.toml: is not TOML") for line in found)
    assert any('"colour" is not known here' in line for line in found)
    assert any("listen" in line for line in found)
    assert any('no [[process]] and no "entry"' in line for line in found)
    assert any('timing.open_time names the setting "nope"' in line for line in found)
    assert any("say how clients reach a gateway, and there is no [[process]]" in line for line in found)
    assert any('"user" is to hold "{{ request_id }}" once' in line for line in found)


def test_a_file_that_is_rewritten_at_once_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as before and within the same second: bytecode could not tell. None is left beside the user's file either."""
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    sentences = []
    for rate in ("77/s", "88/s"):
        content = workspace(
            tmp_path,
            scenarios__rates_py=f'RATE = "{rate}"\n',
            scenarios__mine_py="from .rates import RATE\n" + good().replace('"5/s"', "RATE").replace("A title", rate),
        )
        for file in (tmp_path / "scenarios").glob("*.py"):
            os.utime(file, (1_800_000_000, 1_800_000_000))
        loaded = content.scenario("mine")
        sentences.append((loaded.scenario.load.sentence(), loaded.title))
    assert [sentence for sentence, _ in sentences] == ["flat poisson load 77/s", "flat poisson load 88/s"]
    assert not list(tmp_path.rglob("__pycache__"))
