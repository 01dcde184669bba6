"""The figures that a live run shows: those that are known, under names that stay, and none that nobody measured."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from gatebench.cli.exporting import Exporter, export_place, exporting
from gatebench.errors import Problem
from gatebench.execution.load.state import LoadState
from gatebench.execution.runner import Nobody, Watcher
from gatebench.execution.topology.ports import free_ports, is_free
from gatebench.plan import Plan
from gatebench.schedule import Users
from tests.planned import Knobs, make_plan

STATE = LoadState(in_flight=3, ok=90, bad=2, p50_ms=40.0, p95_ms=60.0, p99_ms=None, late_p95_ms=0.25)


def page(exporter: Exporter) -> str:
    """What a Prometheus would read."""
    registry = CollectorRegistry()
    registry.register(exporter)
    return generate_latest(registry).decode()


def shown(text: str) -> dict[str, float]:
    """Every sample by name and labels."""
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def test_a_live_run_is_shown() -> None:
    """Counts, the moment's figures in seconds, 0 or 1 for phases and faults; what is not known has no sample."""
    exporter = Exporter()
    run = exporter.begin(make_plan(Knobs(rate_per_s=50, warmup_s=1)))
    assert shown(page(exporter)) == {}
    run.phase, run.elapsed_s, run.state, run.active = "fault", 11.5, STATE, ("drops on provider-b",)
    found = shown(page(exporter))
    offered = found.pop("gatebench_offered_rate_per_s")
    assert 20 < offered < 90
    fault = run.faults[0]
    assert found == {
        'gatebench_requests_total{outcome="ok",scenario="failover-outage",target="reference"}': 90,
        'gatebench_requests_total{outcome="bad",scenario="failover-outage",target="reference"}': 2,
        "gatebench_in_flight": 3,
        'gatebench_response_seconds{quantile="0.5"}': 0.04,
        'gatebench_response_seconds{quantile="0.95"}': 0.06,
        "gatebench_dispatch_delay_seconds": 0.00025,
        **{f'gatebench_phase{{phase="{name}"}}': float(name == "fault") for name in (*run.phases[:-1], "drain")},
        f'gatebench_fault_active{{fault="{fault[0]}",on="{fault[1]}"}}': 0,
        'gatebench_fault_active{fault="drops",on="provider-b"}': 1,
    }


def test_counts_stay_and_the_moment_goes() -> None:
    """When a run is over, and while another has not begun; runs of one name add up."""
    exporter = Exporter()
    for _ in range(2):
        run = exporter.begin(make_plan(Knobs(warmup_s=1)))
        run.state, run.over = STATE, True
    assert set(shown(page(exporter)).values()) == {180, 4}


def test_nothing_is_offered_by_closed_users() -> None:
    """They send when they get to it: there is no rate to name."""
    plan = make_plan(Knobs(warmup_s=1))
    closed = plan.model_copy(update={"load": plan.load.model_copy(update={"load": Users(count=3)})})
    exporter = Exporter()
    exporter.begin(closed).state = replace(STATE, late_p95_ms=None)
    assert "offered" not in page(exporter)
    assert "dispatch" not in page(exporter)


@contextlib.contextmanager
def nobody(_plan: Plan) -> Iterator[Watcher]:
    """Looks on and says nothing."""
    yield Nobody()


def test_the_port_is_served_and_given_back() -> None:
    """Whatever ends the block."""
    (port,) = free_ports(1)
    with (
        pytest.raises(KeyboardInterrupt),
        exporting(("127.0.0.1", port)) as shown_by,
        shown_by(nobody)(make_plan(Knobs())) as on,
    ):
        on.step("x")
        on.progress("baseline", 0.0, 1.0, STATE, [])
        with socket.create_connection(("127.0.0.1", port), timeout=2) as sock:
            sock.sendall(b"GET /metrics HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nconnection: close\r\n\r\n" % port)
            answer = b"".join(iter(lambda: sock.recv(65_536), b""))
        assert b"gatebench_in_flight 3.0" in answer
        raise KeyboardInterrupt
    assert is_free(port)


def test_without_a_place_nothing_is_served() -> None:
    """The onlooker is the one that there was."""
    with exporting(None) as shown_by:
        assert shown_by(nobody) is nobody


@pytest.mark.parametrize(
    "text", ["9464", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:70000", "host:1", "0.0.0.0:9464", "192.0.2.1:1", ""]
)
def test_what_is_no_place_is_refused(text: str) -> None:
    """Anything but a port of loopback."""
    problems: list[Problem] = []
    assert export_place(text, problems) is None
    assert "127.0.0.1:9464" in problems[0].cure


def test_a_taken_port_is_refused() -> None:
    """With the cure."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        problems: list[Problem] = []
        assert export_place(f"127.0.0.1:{taken.getsockname()[1]}", problems) is None
        assert "Choose another port" in problems[0].cure
    (port,) = free_ports(1)
    assert export_place(f"127.0.0.1:{port}", []) == ("127.0.0.1", port)
