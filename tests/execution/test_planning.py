"""A plan is everything resolved; what cannot be planned is refused with every reason at once."""

import socket
from pathlib import Path
from typing import Any

import pytest

from gatebench.content import Content
from gatebench.errors import ConfigurationError
from gatebench.execution import asking
from gatebench.execution.asking import RunRequest
from gatebench.execution.planning import make_plan
from gatebench.plan import Plan
from gatebench.schedule import Load

METRICS = {
    "availability",
    "failover_time_s",
    "requests_lost",
    "duplicate_execution",
    "time_to_recover_s",
    "silent_truncation",
    "wrong_answer",
    "error_share",
}

SCENARIO = '''"""A title."""
from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat
scenario = Scenario(traffic=chat(), load=poisson("200/s"), objective={{"response_ms": 100}},
    phases=[phase("baseline", "5s"), phase("fault", "10s", faults=[{fault}]), phase("recovery", "10s")],
    checks=[check("{metric}", phase="fault", at_least={bound})], {more})
'''
TARGET = """
description = "never started"
listen = "{listen}"
requires = [{{ program = "{program}", cure = "apt-get install it" }}]
[[process]]
name = "gateway"
command = ["true"]
"""


def planned(root: Path | None = None, **asked: Any) -> Plan:
    """Plan a run of failover-outage on the reference gateway, with changes."""
    request = RunRequest(**{"scenario": "failover-outage", "target": "reference", "seed": 1, **asked})
    return make_plan(request, Content(root), METRICS)


def refusals(root: Path | None = None, **asked: Any) -> list[str]:
    """Every reason why a run cannot be planned."""
    with pytest.raises(ConfigurationError) as caught:
        planned(root, **asked)
    return [str(problem) for problem in caught.value.problems]


def scenario_file(root: Path, **parts: str) -> Path:
    """A workspace with one scenario, `mine`."""
    given = {"fault": 'fault("provider-drops", on="provider-a")', "metric": "availability", "bound": "0.9", "more": ""}
    (root / "scenarios").mkdir()
    (root / "scenarios" / "mine.py").write_text(SCENARIO.format(**{**given, **parts}))
    return root


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOXIPROXY_URL", raising=False)


def test_a_plan_is_whole_and_survives_its_json() -> None:
    """Phases, fault windows, schedule and settings are resolved; run.json gives back the same plan."""
    plan = planned()
    assert [(phase.name, phase.start_ns // 10**9, phase.end_ns // 10**9) for phase in plan.phases] == [
        ("warmup", 0, 3),
        ("baseline", 3, 13),
        ("fault", 13, 23),
        ("recovery", 23, 33),
    ]
    assert [(fault.id, fault.on, fault.start_ns, fault.end_ns) for fault in plan.faults] == [
        ("f1", "provider-a", 13 * 10**9, 23 * 10**9)
    ]
    assert plan.load.scheduled == len(plan.schedule().due_ns)
    assert plan.target.settings["breaker_open"] == "2s"
    assert plan.engine.kind == "embedded"
    assert plan.request_id == "header"
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_the_pool_holds_every_request_that_can_hang() -> None:
    """200/s with a deadline of 5 s: at least 1000."""
    assert planned().load.pool >= 1000


def test_a_pool_too_small_is_refused(tmp_path: Path) -> None:
    """Otherwise the harness would throttle the load when the target hangs (measurement.md 5)."""
    (found,) = refusals(scenario_file(tmp_path, more="pool=100"), scenario="mine")
    assert "puts 1000 requests in flight" in found
    assert "Set pool to at least 1000" in found


def test_time_scale_moves_phases_and_refuses_what_is_too_short() -> None:
    """The breaker needs 2 s of window and 2 s of open time: 6 s of fault, 8 s of recovery."""
    assert planned(time_scale=2).phases[-1].end_ns == 66 * 10**9
    found = refusals(time_scale=0.5)
    assert len(found) == 2
    assert "phase fault: lasts 5 s, too short for reference" in found[0]
    assert "needs 6 s" in found[0]
    assert "needs 8 s" in found[1]
    assert planned(time_scale=0.5, settings={"breaker_window": "500ms", "breaker_open": "500ms"})


def test_overrides_change_target_fault_and_objective() -> None:
    """--set reaches the target's settings and the scenario's own two keys; --rate moves the load."""
    plan = planned(settings={"retries": "1", "fault": "link-down", "objective.response_ms": "400"}, rate="50/s")
    assert plan.target.settings["retries"] == 1
    assert plan.faults[0].name == "link-down"
    assert plan.objective.response_ms == 400
    assert isinstance(plan.load.load, Load)
    assert plan.load.load.peak_per_s() == pytest.approx(50)


def test_settings_a_target_does_not_know_are_named() -> None:
    """From the command line they are mistakes; from the scenario they are left out and said."""
    (found,) = refusals(settings={"braker_open": "2s"})
    assert "reference has no setting braker_open" in found
    plan = planned(target="direct")
    assert plan.target.ignored_settings == {"breaker_window": "2s", "breaker_open": "2s"}
    assert any("direct has no such setting and ignores" in warning for warning in plan.warnings)


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    """Scenario, target, engine and options: four mistakes, four sentences."""
    found = refusals(tmp_path, scenario="nope", target="nowhere", engine="warp", workers=0, time_scale=-1)
    assert len(found) == 5
    assert any("no scenario" in line for line in found)
    assert any("no target" in line for line in found)
    assert any("--engine warp" in line for line in found)
    assert any("--workers 0" in line for line in found)
    assert any("--time-scale -1" in line for line in found)


def test_faults_are_checked_against_place_and_range(tmp_path: Path) -> None:
    """A provider fault on a link, an unknown parameter, a value out of range, an unknown fault."""
    uses = (
        'fault("provider-drops", on="front"), fault("latency", on="front", latncy=3), '
        'fault("latency", on="front", latency=-5), fault("latency", on="front", latency="fast"), fault("gremlins", on="front")'
    )
    found = refusals(scenario_file(tmp_path, fault=uses), scenario="mine")
    assert len(found) == 5
    assert any('provider-drops sits in a provider, but is put on "front"' in line for line in found)
    assert any("latency has no parameter latncy" in line for line in found)
    assert any("latency = -5 is out of range" in line for line in found)
    assert any("'fast' is not a number" in line for line in found)
    assert any("no fault of this name" in line for line in found)


def test_an_unknown_metric_is_refused(tmp_path: Path) -> None:
    """A check nobody can compute is a mistake, not a pass."""
    (found,) = refusals(scenario_file(tmp_path, metric="avialability"), scenario="mine")
    assert 'check("avialability") names no metric' in found


def test_a_bound_the_window_cannot_show_is_a_warning(tmp_path: Path) -> None:
    """Availability ≥ 0.9995 at one in a thousand needs 19 090 clean requests; 10 s of 200/s hold 2000."""
    plan = planned(scenario_file(tmp_path, bound="0.9995"), scenario="mine")
    assert any("needs 19090 clean requests" in warning for warning in plan.warnings)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://10.1.2.3:80", "add --allow-remote 10.1.2.3"),
        ("http://user:secret@127.0.0.1:80", "holds a password"),
        ("https://127.0.0.1:443", "nobody answers there"),
        ("http://127.0.0.1:99999", "this is no URL"),
        ("http://no-such-host.invalid:80", "is not known"),
    ],
)
def test_urls_that_may_not_be_loaded_are_refused(url: str, sentence: str) -> None:
    """Loopback, plain HTTP, no secrets in the URL."""
    found = refusals(scenario="smoke", target=url)
    assert any(sentence in line for line in found)
    assert "secret" not in " ".join(found).replace("no secrets", "")


def test_a_url_has_no_ledger_and_no_provider_faults() -> None:
    """Smoke runs at the level of evidence no-ledger; a provider fault is refused, it could not reach anything."""
    plan = planned(scenario="smoke", target="http://127.0.0.1:9/")
    assert (plan.evidence, plan.target.url) == ("no-ledger", "http://127.0.0.1:9")
    (found,) = refusals(target="http://127.0.0.1:9")
    assert "its upstreams are not ours" in found


def test_a_port_in_use_and_a_missing_program_are_found_before_anything_starts(tmp_path: Path) -> None:
    """Both at once, each with its cure."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        folder = tmp_path / "targets" / "mine"
        folder.mkdir(parents=True)
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        (folder / "target.toml").write_text(TARGET.format(listen=listen, program="no-such-gateway"))
        found = refusals(tmp_path, scenario="smoke", target="mine")
    assert any("that port is in use" in line for line in found)
    assert any("needs the program no-such-gateway" in line and "apt-get install it" in line for line in found)


def test_the_engine_follows_option_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """auto is ours, unless TOXIPROXY_URL names a server; a real one that is not there is refused."""
    monkeypatch.setenv("TOXIPROXY_URL", "http://127.0.0.1:8474")
    assert planned().engine.url == "http://127.0.0.1:8474"
    assert planned(engine="embedded").engine.kind == "embedded"
    monkeypatch.setenv("TOXIPROXY_URL", "http://10.0.0.1:8474")
    assert any("--allow-remote 10.0.0.1" in line for line in refusals())
    monkeypatch.setattr(asking, "find_real_server", lambda: None)
    assert any("no toxiproxy-server is on PATH" in line for line in refusals(engine="toxiproxy"))


def test_an_unknown_profile_is_refused() -> None:
    """With the ones that exist."""
    (found,) = refusals(target="reference:fast")
    assert "reference has no profile fast" in found
    assert "tuned" in found


def test_a_target_says_how_clients_address_it(tmp_path: Path) -> None:
    """Every model is called what the target calls it, ids go where it passes them on, and a header that is none is named."""
    folder = tmp_path / "targets" / "mine"
    folder.mkdir(parents=True)
    text = 'description = "x"\nrequest_id = ["user"]\nmodel = "mine::{{ model }}"\nprocess = [{ name = "gw", command = ["gw"] }]\n'
    (folder / "target.toml").write_text(text)
    plan = planned(tmp_path, scenario="smoke", target="mine")
    assert {route.model for route in plan.traffic.routes} == {"mine::gatebench-small"}
    assert plan.request_id == "user"
    (folder / "target.toml").write_text(text + '[headers]\n"no header" = "x"\n"x-request-id" = "y"\n')
    assert refusals(tmp_path, scenario="smoke", target="mine") == [
        "targets/mine/target.toml: header 'no header': is not a header name. Use letters, digits and hyphens.",
        "targets/mine/target.toml: header 'x-request-id': is written by gatebench itself. Leave it out.",
    ]
