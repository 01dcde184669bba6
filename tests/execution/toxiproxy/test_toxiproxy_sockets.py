"""Ports and dials: a proxy's port survives its being down, and an upstream is tried without holding anybody up."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable

import pytest

from gatebench.execution.toxiproxy.address import Address, bind
from gatebench.execution.toxiproxy.dial import Dial
from gatebench.execution.toxiproxy.listener import Listener
from gatebench.execution.toxiproxy.refusal import Refusal
from tests.execution.toxiproxy.rig import deaf_port


def free_address() -> Address:
    """Return an address on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return Address("127.0.0.1", taken.getsockname()[1])


def listener_scene(scene: Callable[[Listener, list[socket.socket]], None]) -> None:
    """Run a scene with a listener on a free port."""

    async def run() -> None:
        clients: list[socket.socket] = []
        listener = Listener(asyncio.get_running_loop(), Address("127.0.0.1", 0), clients.append)
        try:
            scene(listener, clients)
            await asyncio.sleep(0.01)
        finally:
            listener.release()
            for client in clients:
                client.close()

    asyncio.run(run())


def test_a_closed_listener_refuses_and_comes_back_on_its_port() -> None:
    """Open, closed, open: connections are accepted, refused, accepted, at the same address."""

    def scene(listener: Listener, _clients: list[socket.socket]) -> None:
        place = (listener.address.host, listener.address.port)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(place, timeout=5)
        for _ in range(2):
            listener.open()
            socket.create_connection(place, timeout=5).close()
            listener.close()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(place, timeout=5)

    listener_scene(scene)


@pytest.mark.skipif(sys.platform != "linux", reason="the reservation needs Linux")
def test_a_closed_listener_keeps_its_port_until_it_is_released() -> None:
    """While the proxy is down, a plain bind of its port fails; after the release it succeeds."""

    def scene(listener: Listener, _clients: list[socket.socket]) -> None:
        place = (listener.address.host, listener.address.port)
        listener.open()
        listener.close()
        with socket.socket() as thief, pytest.raises(OSError, match="in use"):
            thief.bind(place)
        listener.release()
        with socket.socket() as heir:
            heir.bind(place)

    listener_scene(scene)


def test_a_taken_port_is_refused_in_toxiproxys_words() -> None:
    """The text names the address and the reason."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Refusal) as refused:
            bind(Address("127.0.0.1", port))
    assert refused.value.status == 500
    assert refused.value.message == f"listen tcp 127.0.0.1:{port}: bind: address already in use"


def dialled(upstream: Address, allowed: tuple[str, ...] = ()) -> list[socket.socket | None]:
    """Dial an upstream and return what `done` was called with."""
    results: list[socket.socket | None] = []

    async def run() -> None:
        done = asyncio.Event()

        def note(sock: socket.socket | None) -> None:
            results.append(sock)
            done.set()

        Dial(asyncio.get_running_loop(), upstream, allowed, note).start()
        await asyncio.wait_for(done.wait(), 10)

    asyncio.run(run())
    for sock in results:
        if sock is not None:
            sock.close()
    return results


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_dial_connects(host: str) -> None:
    """An address and `localhost` are reached, and `done` is called once."""
    with socket.create_server(("127.0.0.1", 0)) as upstream:
        (sock,) = dialled(Address(host, upstream.getsockname()[1]))
    assert sock is not None


def test_dial_looks_allowed_names_up() -> None:
    """A name that was permitted is resolved beside the loop; one that nobody knows is unreachable."""
    with socket.create_server(("127.0.0.1", 0)) as upstream:
        port = upstream.getsockname()[1]
        (sock,) = dialled(Address("LOCALHOST", port), allowed=("LOCALHOST",))
    assert sock is not None
    impossible = "x" * 64  # too long for a label, so that no name server is asked
    assert dialled(Address(impossible, port), allowed=(impossible,)) == [None]


def test_dial_says_none_when_nobody_is_there_or_it_may_not_go_there() -> None:
    """A refused connection and a remote address both are None, not an exception."""
    assert dialled(free_address()) == [None]
    assert dialled(Address("localhost", free_address().port)) == [None]
    assert dialled(Address("192.0.2.1", 80)) == [None]


@pytest.mark.parametrize("host", ["127.0.0.1", "LOCALHOST"])
def test_a_cancelled_dial_is_silent(host: str) -> None:
    """After `cancel`, neither a connection under way nor a lookup calls `done`."""
    results: list[socket.socket | None] = []

    async def run(port: int) -> None:
        dial = Dial(asyncio.get_running_loop(), Address(host, port), ("LOCALHOST",), results.append)
        dial.start()
        dial.cancel()
        await asyncio.sleep(0.1)

    with deaf_port() as port:
        asyncio.run(run(port if host == "127.0.0.1" else free_address().port))
    assert results == []
