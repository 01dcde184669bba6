"""Workers on other machines are planned for, or refused in sentences; nothing is opened to others by accident."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from gatebench.cli.inviting import invitation, join_line
from gatebench.content import Content
from gatebench.errors import ConfigurationError, Problem
from gatebench.execution.asking import RunRequest
from gatebench.execution.load.config import WorkerConfig
from gatebench.execution.planning import make_plan
from gatebench.plan import Endpoint, Plan
from tests.execution.test_planning import METRICS


def planned(**asked: Any) -> Plan:
    """Plan a run of failover-outage with workers elsewhere."""
    request = RunRequest(
        **{"scenario": "failover-outage", "target": "direct", "seed": 1, "engine": "embedded", **asked}
    )
    return make_plan(request, Content(), METRICS)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"remote_workers": -1}, "--remote-workers -1: must lie between 0 and 64."),
        ({"workers": 0}, "--workers 0: must lie between 1 and 64."),
        ({"remote_workers": 1, "workers": -1}, "--workers -1: must lie between 0 and 64."),
        ({"listen": "127.0.0.1:5557"}, "nobody is to join there. Add --remote-workers 1."),
        ({"remote_workers": 1, "join_within": "soon"}, '"soon" is not a duration'),
        ({"remote_workers": 1, "join_within": "10ms"}, "it is shorter than a second"),
        ({"remote_workers": 1, "listen": "here"}, "this is no IPv4 address with a port."),
        ({"remote_workers": 1, "listen": "127.0.0.1:0"}, "this is no IPv4 address with a port."),
        ({"remote_workers": 1, "listen": "127.0.0.1:99999"}, "this is no IPv4 address with a port."),
        ({"remote_workers": 1, "listen": "0.0.0.0:5557"}, "Name the one address"),
        ({"remote_workers": 1, "listen": "10.9.0.1:5557"}, "add --allow-remote 10.9.0.1."),
        (
            {"remote_workers": 1, "listen": "192.0.2.1:5557", "allow_remote": ("192.0.2.1",)},
            "this machine has no such address, or the port is in use.",
        ),
    ],
)
def test_what_cannot_be_is_refused(asked: dict[str, Any], said: str) -> None:
    """Each with its cure, before anything starts."""
    with pytest.raises(ConfigurationError) as raised:
        planned(**asked)
    assert any(said in str(problem) for problem in raised.value.problems)


def test_a_port_in_use_is_refused() -> None:
    """Somebody listens there already."""
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(ConfigurationError, match="port is in use"):
        planned(remote_workers=1, listen=f"127.0.0.1:{server.getsockname()[1]}")


def test_workers_elsewhere_take_the_last_seats() -> None:
    """Two here and one elsewhere share the schedule by three; on loopback nobody is warned."""
    load = planned(workers=2, remote_workers=1, join_within="30s").load
    assert (load.workers, load.remote_workers, load.join_within_s) == (3, 1, 30.0)
    assert load.listens_on() == ("127.0.0.1", 5557)
    assert planned().load.listens_on() == ("127.0.0.1", 0)


def test_an_open_port_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listening beyond loopback is allowed by name, and said all the same."""
    monkeypatch.setattr("gatebench.execution.remote.is_free", lambda *_: True)
    plan = planned(remote_workers=1, listen="10.9.0.1:5557", allow_remote=("10.9.0.1",))
    assert any("listen on 10.9.0.1: whoever reaches that address" in warning for warning in plan.warnings)


def test_a_guest_decides_itself_where_load_may_go(tmp_path: Path) -> None:
    """What a master allows counts for nothing on another machine, nor do its paths."""
    plan = planned(workers=1, remote_workers=1).model_copy(update={"allow_remote": ("10.9.0.1",)})
    endpoints = {"target": Endpoint(host="10.9.0.1", port=80)}
    told = WorkerConfig(role="master", plan=plan, endpoints=endpoints, parts_path=tmp_path / "here").for_guest(1)
    assert str(tmp_path) not in told
    guest = WorkerConfig.of_guest(told, tmp_path / "there", ())
    assert (guest.role, guest.worker, guest.plan.allow_remote) == ("worker", 1, ())
    assert guest.stream_path == tmp_path / "there" / "samples-1.arrow"
    assert WorkerConfig.of_guest(told, tmp_path, ("10.8.0.1",)).plan.allow_remote == ("10.8.0.1",)


def test_the_line_for_the_other_machine() -> None:
    """Token in the environment and not among the arguments, headers by name only, loopback not named."""
    line = join_line("10.9.0.1:5557", "t0ken", ["authorization"], stay=True)
    assert line == (
        "GATEBENCH_JOIN_TOKEN=t0ken bench worker --join 10.9.0.1:5557 --allow-remote 10.9.0.1 "
        "--header authorization=env:VARIABLE --stay"
    )
    assert join_line("127.0.0.1:5557", None, [], stay=False) == "bench worker --join 127.0.0.1:5557"


def test_an_invitation(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A fresh token is printed with its line, a given one is used and kept quiet, a short one is refused."""
    plan = planned(remote_workers=1)
    problems: list[Problem] = []
    monkeypatch.delenv("GATEBENCH_JOIN_TOKEN", raising=False)
    token = invitation([plan], {}, problems)
    assert token is not None
    assert f"GATEBENCH_JOIN_TOKEN={token} bench worker --join 127.0.0.1:5557\n" in capsys.readouterr().err
    assert invitation([plan], {}, problems) != token
    assert invitation([planned()], {}, problems) is None
    monkeypatch.setenv("GATEBENCH_JOIN_TOKEN", "known-to-both-of-us")
    capsys.readouterr()
    assert invitation([plan], {}, problems) == "known-to-both-of-us"
    assert "known-to-both-of-us" not in capsys.readouterr().err
    assert problems == []
    monkeypatch.setenv("GATEBENCH_JOIN_TOKEN", "short")
    assert invitation([plan], {}, problems) is None
    assert "too short" in str(problems[0])
