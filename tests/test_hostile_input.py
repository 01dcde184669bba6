"""What a hostile reviewer wrote into content files: each is refused in a sentence, before anything starts."""

from pathlib import Path

import pytest

from gatebench.content import Content
from gatebench.errors import ConfigurationError
from gatebench.execution.asking import RunRequest
from gatebench.execution.planning import make_plan
from gatebench.plan import Plan

SCENARIO = """{head}
from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat
{line}
scenario = Scenario(traffic=chat({chat}), load=poisson("{rate}"), objective={{"response_ms": {objective}}},
    phases=[{phases}], checks=[check("availability", at_least={bound})], {more})
"""
DELAY = 'description = "x"\nlayer = "link"\nmechanism = "toxic.latency"\nlive_connections = "untouched"\nattempts_visible = true\n'


def planned(root: Path, target: str = "direct", settings: dict[str, str] | None = None, **parts: str) -> Plan:
    """Plan a run of a scenario with one oddity."""
    given = {
        "head": '"""A title."""',
        "line": "",
        "chat": "",
        "rate": "20/s",
        "objective": "100",
        "phases": 'phase("baseline", "1s")',
        "bound": "0.9",
        "more": "",
        **parts,
    }
    (root / "scenarios").mkdir(exist_ok=True)
    (root / "scenarios" / "odd.py").write_text(SCENARIO.format(**given))
    request = RunRequest(scenario="odd", target=target, seed=1, settings=settings or {}, engine="embedded")
    return make_plan(request, Content(root), {"availability"})


def refusal(root: Path, **parts: str) -> str:
    """Why it is refused."""
    with pytest.raises(ConfigurationError) as caught:
        planned(root, **parts)  # type: ignore[arg-type]  # settings are not among the parts of these cases
    return str(caught.value)


def test_the_control_is_planned(tmp_path: Path) -> None:
    """Without an oddity there is a plan."""
    assert planned(tmp_path).load.scheduled > 0


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"objective": 'float("inf")'}, "finite"),
        ({"bound": 'float("nan")'}, "finite"),
        ({"chat": 'weight=float("inf")'}, "finite"),
        ({"rate": "9" * 400 + "/s"}, "beyond every number"),
        ({"phases": ", ".join(f'phase("p{n}", "1s")' for n in range(251))}, "at most 250"),
        ({"line": "import sys; sys.exit(0)"}, "raises SystemExit"),
        ({"line": "import locust"}, "would patch the harness's own sockets"),
        ({"line": "import gevent.monkey"}, "would patch the harness's own sockets"),
        ({"more": 'providers={"../../evil": {}}'}, "cannot be a provider's name"),
        ({"more": 'providers={"front": {}}'}, "cannot be a provider's name"),
        ({"more": 'providers={"provider-z": {}}'}, '"entry" names "provider-a", which is no provider here'),
        ({"phases": 'phase("fault", "300ms", faults=[fault("timeout", on="front")])'}, "but its proof takes"),
        ({"phases": 'phase("fault", "9s", faults=[fault("timeout", on="front", duration="0s")])'}, "no time at all"),
        (
            {"phases": 'phase("fault", "9s", faults=[fault("link-down", on="front"), fault("link-down", on="front")])'},
            "twice at the same time",
        ),
    ],
)  # fmt: skip
def test_odd_scenarios_are_refused(tmp_path: Path, parts: dict[str, str], words: str) -> None:
    """Numbers that are none, names that are paths, windows too short for their proof, files that end the program."""
    assert words in refusal(tmp_path, **parts)


def test_a_blank_docstring_and_a_print_are_no_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The title falls back to the name; what a file prints does not end in our results."""
    assert planned(tmp_path, head='"""   """', line='print("hello")').title == "odd"
    assert capsys.readouterr().out == ""


def test_an_objective_from_the_command_line_is_validated_too(tmp_path: Path) -> None:
    """--set objective.response_ms=nan or -5."""
    for value in ("nan", "-5", "soon"):
        with pytest.raises(ConfigurationError, match="is not a number of milliseconds above 0"):
            planned(tmp_path, settings={"objective.response_ms": value})


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        (DELAY + 'effect = "ratio"\n[proof]\nexpect = "rate"\n', "needs proof.parameter"),
        (DELAY + 'effect = "yes/no"\n[proof]\nexpect = "delay"\n', "does not go with a proof by delay"),
        (
            DELAY.replace("toxic.latency", "banana") + 'effect = "yes/no"\n[proof]\nexpect = "eof"\n',
            "not of the layer link",
        ),
        (
            DELAY.replace("toxic.latency", "toxic.nope") + 'effect = "yes/no"\n[proof]\nexpect = "eof"\n',
            "nobody knows the mechanism",
        ),
    ],
)
def test_chaos_files_that_cannot_work_are_refused(tmp_path: Path, toml: str, words: str) -> None:
    """Before the run, not after it."""
    (tmp_path / "chaos").mkdir()
    (tmp_path / "chaos" / "odd.toml").write_text(toml)
    assert words in refusal(tmp_path, phases='phase("fault", "9s", faults=[fault("odd", on="front")])')


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('[[process]]\nname = "gw"\ncommand = ["gw", "{{ nope }}"]\n', "'nope' is undefined"),
        ('[[process]]\nname = "gw"\ncommand = ["gw", "{{ 1 / 0 }}"]\n', "division by zero"),
        ('[[process]]\nname = "provider-a"\ncommand = ["gw"]\n', "a name that the harness uses itself"),
        (
            '[[process]]\nname = "gw"\ncommand = ["a"]\n[[process]]\nname = "gw"\ncommand = ["b"]\n',
            'two processes are called "gw"',
        ),
        ('listen = "127.0.0.1:99999"\n[[process]]\nname = "gw"\ncommand = ["a"]\n', "is no port"),
        ('entry = "nope"\n', "which is no provider here"),
        ('entry = "provider-a"\nversion = { command = ["gw"], pattern = "x" }\n', "has no group"),
        ('entry = "provider-a"\nrender = [{ template = "target.toml", to = "../../out" }]\n', "outside the run"),
    ],
)
def test_odd_targets_are_refused(tmp_path: Path, toml: str, words: str) -> None:
    """Templates that raise, names that collide, ports that are none, files that would leave the run."""
    folder = tmp_path / "targets" / "mine"
    folder.mkdir(parents=True)
    (folder / "target.toml").write_text('description = "x"\n' + toml)
    with pytest.raises(ConfigurationError, match=words.replace("{", r"\{")):
        planned(tmp_path, target="mine")


@pytest.mark.parametrize("name", ["../secret", "a/b", "x" * 300, ""])
def test_names_are_no_paths(tmp_path: Path, name: str) -> None:
    """A name from the command line finds a file of its folder or nothing."""
    for find in (Content(tmp_path).scenario, Content(tmp_path).target, Content(tmp_path).fault):
        with pytest.raises(ConfigurationError, match="of this name"):
            find(name)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/base?key=SECRET", "http://me:SECRET@127.0.0.1:1", "http://127.0.0.1:0"]
)
@pytest.mark.parametrize("place", ["target", "engine"])
def test_urls_hold_a_host_and_a_port_and_no_secret(tmp_path: Path, url: str, place: str) -> None:
    """Whatever else is refused, and not repeated."""
    request = RunRequest(**{"scenario": "smoke", "target": "direct", "seed": 1, place: url})  # type: ignore[arg-type]  # by name
    with pytest.raises(ConfigurationError) as caught:
        make_plan(request, Content(tmp_path), {"error_share", "silent_truncation", "wrong_answer"})
    assert "SECRET" not in str(caught.value)
