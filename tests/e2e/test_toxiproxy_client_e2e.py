"""The one client drives both engines, and touches nobody else's proxies."""

from __future__ import annotations

import socket
import time

import pytest

from gatebench.errors import EnvironmentFailure
from gatebench.execution.toxiproxy.client import Engine, LinkState, ToxicState
from tests.execution.toxiproxy.rig import Server, Upstream, echo_ms, echoing

pytestmark = pytest.mark.e2e


@pytest.fixture
def engine(server: Server) -> Engine:
    """Talk to the server."""
    return Engine(f"http://127.0.0.1:{server.port}", prefix="run1-")


def test_who_is_there(server: Server, engine: Engine) -> None:
    """Version and kind of engine."""
    engine.wait_ready(5)
    assert engine.version()
    assert engine.is_embedded() == (server.kind == "embedded")


def test_how_many_connections_a_toxic_hit(server: Server, engine: Engine, upstream: Upstream) -> None:
    """Counted by our engine, also when the toxic is off again; the real one does not count, and nothing is said."""
    port = int(engine.add_link("counted", "127.0.0.1:0", upstream.address).rpartition(":")[2])
    engine.add_toxic("counted", "slow", "latency", "downstream", {"latency": 1})
    for _ in range(3):
        client, far = upstream.pair(port)
        echoing(far)
        echo_ms(client)
    engine.remove_toxic("counted", "slow")
    assert engine.hits("counted", "slow") == (3 if server.kind == "embedded" else None)
    assert engine.hits("counted", "nosuch") is None


def test_a_link_and_its_faults(engine: Engine, upstream: Upstream) -> None:
    """Added, slowed, healed, taken down, brought up; each step says when, in order; removals may be repeated."""
    listen = engine.add_link("provider-a", "127.0.0.1:0", upstream.address)
    port = int(listen.rpartition(":")[2])
    client, far = upstream.pair(port)
    echoing(far)
    times_ns = [time.monotonic_ns()]
    times_ns.append(engine.add_toxic("provider-a", "slow", "latency", "downstream", {"latency": 100}, ttl_ms=60_000))
    assert echo_ms(client) >= 100
    assert engine.state() == {
        "provider-a": LinkState(
            listen,
            upstream.address,
            True,
            (ToxicState("slow", "latency", "downstream", 1, {"latency": 100, "jitter": 0}),),
        )
    }
    times_ns.append(engine.remove_toxic("provider-a", "slow"))
    times_ns.append(engine.remove_toxic("provider-a", "slow"))
    times_ns.append(engine.take_down("provider-a", 60_000))
    with pytest.raises(ConnectionRefusedError):
        upstream.connect(port)
    times_ns.append(engine.bring_up("provider-a"))
    times_ns.append(engine.bring_up("provider-a"))
    upstream.pair(port)
    times_ns.append(time.monotonic_ns())
    assert times_ns == sorted(times_ns)


def test_a_toxic_gets_other_values(server: Server, engine: Engine, upstream: Upstream) -> None:
    """Attributes and toxicity change in place; fractions pass to the engine that has a toxic with them, the other says so."""
    listen = engine.add_link("a", "127.0.0.1:0", upstream.address)
    client, far = upstream.pair(int(listen.rpartition(":")[2]))
    echoing(far)
    engine.add_toxic("a", "slow", "latency", "downstream", {"latency": 60_000})
    engine.change_toxic("a", "slow", {"latency": 30}, toxicity=1.0)
    assert echo_ms(client) >= 30
    if server.kind == "embedded":
        engine.add_toxic("a", "loss", "packet_loss", "upstream", {"loss_rate": 0.25}, toxicity=0.5)
        loss = engine.state()["a"].toxics[0]
        assert (loss.toxicity, loss.attributes) == (0.5, {"loss_rate": 0.25, "correlation": 0})
    else:
        with pytest.raises(EnvironmentFailure, match="invalid toxic type"):
            engine.add_toxic("a", "loss", "packet_loss", "upstream", {"loss_rate": 0.25})


def test_only_our_proxies_are_seen_and_removed(server: Server, engine: Engine) -> None:
    """Another run's proxies, and a user's, stay."""
    for name in ("theirs", "run2-front"):
        server.add_proxy("127.0.0.1:1", name)
    for name in ("front", "store"):
        engine.add_link(name, "127.0.0.1:0", "127.0.0.1:1")
    assert sorted(engine.state()) == ["front", "store"]
    engine.remove_all()
    engine.remove_all()
    assert engine.state() == {}
    assert sorted(server.ask("GET", "/proxies").json) == ["run2-front", "theirs"]


def test_a_taken_port_and_a_taken_name_are_sentences(engine: Engine) -> None:
    """What the package shows as KeyError is said in words."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(EnvironmentFailure, match=f"front cannot listen on {listen} .*address already in use"):
            engine.add_link("front", listen, "127.0.0.1:1")
    engine.add_link("front", "127.0.0.1:0", "127.0.0.1:1")
    with pytest.raises(EnvironmentFailure, match='has a proxy called "run1-front" already'):
        engine.add_link("front", "127.0.0.1:0", "127.0.0.1:1")


def test_a_fault_that_does_not_exist_is_a_sentence(engine: Engine) -> None:
    """The server's own words."""
    engine.add_link("front", "127.0.0.1:0", "127.0.0.1:1")
    with pytest.raises(EnvironmentFailure, match="invalid toxic type"):
        engine.add_toxic("front", "t", "gremlins", "upstream", {})
