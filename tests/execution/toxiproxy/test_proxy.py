"""A proxy counts while connections live, and times to live are kept, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from gatebench.execution.toxiproxy.context import Context
from gatebench.execution.toxiproxy.proxy import Proxy
from gatebench.execution.toxiproxy.refusal import Refusal
from gatebench.execution.toxiproxy.toxic import Toxic, kinds
from tests.execution.toxiproxy.fakes import FakeClock


class Scene:
    """A proxy in this process, before an upstream that the test takes by hand, on a clock that it sets."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.upstream = socket.create_server(("127.0.0.1", 0))
        self.proxy = Proxy(
            Context(asyncio.get_running_loop(), self.clock, seed=1),
            "it",
            "127.0.0.1:0",
            f"127.0.0.1:{self.upstream.getsockname()[1]}",
        )

    def place(self) -> tuple[str, int]:
        """Return where the proxy listens."""
        host, _, port = self.proxy.listen.rpartition(":")
        return host, int(port)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; fail after five seconds."""
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.001)


def play(scene: Callable[[Scene], Awaitable[None]]) -> None:
    """Run one scene, and leave no socket open."""

    async def run() -> None:
        stage = Scene()
        try:
            await scene(stage)
        finally:
            stage.proxy.close()
            stage.upstream.close()

    asyncio.run(run())


def noop(name: str) -> Toxic:
    """Return a toxic that does nothing."""
    return Toxic(name, kinds()["noop"], "upstream", 1.0, {}, "it")


def test_bytes_and_connections_are_counted_live() -> None:
    """While the connection is open both directions show what has passed; when it ends it is counted no more."""

    async def scene(stage: Scene) -> None:
        stage.proxy.enable()
        with socket.create_connection(stage.place(), timeout=5) as client:
            await stage.until(lambda: len(stage.proxy.connections) == 1)
            far, _ = stage.upstream.accept()
            with far:
                client.sendall(bytes(1000))
                far.sendall(bytes(70))
                flows = stage.proxy.flows
                await stage.until(lambda: flows.upstream.sent_bytes == 1000 and flows.downstream.sent_bytes == 70)
                assert (flows.upstream.received_bytes, flows.downstream.received_bytes) == (1000, 70)
                assert len(stage.proxy.connections) == 1
        await stage.until(lambda: not stage.proxy.connections)

    play(scene)


def test_a_proxy_that_cannot_come_back_tries_on() -> None:
    """When somebody took the port while it was down, it is up as soon as they leave."""

    async def scene(stage: Scene) -> None:
        stage.proxy.enable()
        stage.proxy.disable(ttl_ms=500)
        with socket.create_server(stage.place()):
            stage.clock.advance(1000)
            assert not stage.proxy.enabled
        stage.clock.advance(100)
        assert stage.proxy.enabled
        socket.create_connection(stage.place(), timeout=5).close()

    play(scene)


def test_times_to_live_are_exact_and_replaced_by_later_orders() -> None:
    """A toxic leaves after its time; an update with another time counts anew, one without leaves it."""

    async def scene(stage: Scene) -> None:
        stage.proxy.add_toxic(noop("n"), ttl_ms=100)
        stage.clock.advance(99)
        stage.proxy.change_toxic("n", 1.0, {})
        assert stage.proxy.toxics
        stage.clock.advance(1)
        assert not stage.proxy.toxics
        stage.proxy.add_toxic(noop("n"), ttl_ms=100)
        stage.proxy.change_toxic("n", 1.0, {}, ttl_ms=1000)
        stage.clock.advance(999)
        assert stage.proxy.toxics
        stage.clock.advance(1)
        assert not stage.proxy.toxics

    play(scene)


@pytest.mark.parametrize("order", ["enable", "disable", "close"])
def test_an_order_ends_the_time_to_live_of_being_down(order: str) -> None:
    """Enabled by hand, taken down for good, or closed: the old time does nothing any more."""

    async def scene(stage: Scene) -> None:
        stage.proxy.enable()
        stage.proxy.disable(ttl_ms=100)
        getattr(stage.proxy, order)()
        if order == "enable":
            stage.proxy.disable()
        stage.clock.advance(1000)
        assert not stage.proxy.enabled

    play(scene)


def test_moving_a_proxy_that_is_down_keeps_its_time_to_live() -> None:
    """It comes back at its new place."""

    async def scene(stage: Scene) -> None:
        stage.proxy.enable()
        old = stage.place()
        stage.proxy.disable(ttl_ms=100)
        stage.proxy.move("127.0.0.1:0", None)
        stage.clock.advance(100)
        assert stage.proxy.enabled
        socket.create_connection(stage.place(), timeout=5).close()
        assert stage.place() != old

    play(scene)


def test_a_refused_start_leaves_nothing_behind() -> None:
    """A proxy whose port is taken is not enabled, and can be later."""

    async def scene(stage: Scene) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            stage.proxy.listen = f"127.0.0.1:{taken.getsockname()[1]}"
            with pytest.raises(Refusal, match="already in use"):
                stage.proxy.enable()
            assert not stage.proxy.enabled
        stage.proxy.enable()
        assert stage.proxy.enabled

    play(scene)
