"""Under load and under clients that behave badly, the engine answers its API, keeps every byte, and grows nowhere."""

from __future__ import annotations

import asyncio
import resource
import socket
import time

import psutil
import pytest

from tests.execution.toxiproxy.crowd import Crowd, Echo, Meddlers
from tests.execution.toxiproxy.rig import BESIDE_OTHERS_MS, Server, Upstream, elapsed_ms, read, running, sending

pytestmark = pytest.mark.e2e

API_MS = 1000
STREAM = bytes(number * 7 % 251 for number in range(251)) * 4000
RESET = b"\x01\0\0\0\0\0\0\0"


def resets_under_latency(upstream: Upstream, rounds: int) -> float:
    """Remove a latency toxic while 15 of 20 streaming clients reset, so often; return the slowest removal in ms."""
    slowest_ms = 0.0
    with running("embedded") as server:
        port = server.add_proxy(upstream.address)
        for _ in range(rounds):
            server.add_toxic("latency", "downstream", name="slow", latency=100)
            pairs = [upstream.pair(port) for _ in range(20)]
            senders = [sending(far, STREAM) for _, far in pairs]
            for client, _ in pairs[:15]:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                client.close()
            start_ns = time.monotonic_ns()
            server.remove_toxic("slow")
            assert len(server.ask("GET", "/proxies").json) == 1
            slowest_ms = max(slowest_ms, elapsed_ms(start_ns))
            for client, _ in pairs[15:]:
                assert read(client, len(STREAM)) == STREAM
            for sender in senders:
                sender.join(10)
                assert not sender.is_alive()
            upstream.forget()
    return slowest_ms


def test_removal_while_clients_reset(upstream: Upstream) -> None:
    """The real server's control API hangs at this, four times of four; here eight rounds pass, and no byte is lost or moved."""
    assert resets_under_latency(upstream, 8) < BESIDE_OTHERS_MS


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_removal_while_clients_reset_a_hundred_times(upstream: Upstream) -> None:
    """The same, for longer."""
    assert resets_under_latency(upstream, 100) < API_MS


async def crowded(server: Server, crowd: Crowd, seconds: float, most_ms: float) -> dict[str, tuple[float, float]]:
    """Let a crowd play while eight clients meddle; return descriptors and memory after a third of the time and at the end."""
    loop = asyncio.get_running_loop()
    echo = await loop.create_server(Echo, "127.0.0.1", 0, backlog=4096)
    address = f"127.0.0.1:{echo.sockets[0].getsockname()[1]}"
    ports = [server.add_proxy(address, name) for name in ("calm", "rough")]
    engine = psutil.Process(server.process.pid)
    playing = asyncio.ensure_future(crowd.play(*ports))
    while crowd.connected < crowd.calm:
        await asyncio.sleep(0.1)
        assert not playing.done(), crowd.faults
    meddlers = Meddlers(server)
    meddlers.start(8)
    await asyncio.sleep(seconds / 3)
    early = engine.num_fds(), engine.memory_info().rss
    await asyncio.sleep(seconds * 2 / 3)
    late = engine.num_fds(), engine.memory_info().rss
    await loop.run_in_executor(None, meddlers.stop)
    for name in ("calm", "rough"):
        for toxic in server.ask("GET", f"/proxies/{name}/toxics").json:
            server.remove_toxic(toxic["name"], name)
    crowd.stopping = True
    await playing
    echo.close()
    assert meddlers.faults == []
    assert meddlers.calls > seconds * 5
    assert meddlers.slowest_ms < most_ms
    return {"descriptors": (early[0], late[0]), "memory": (early[1], late[1])}


def meddled(seconds: float, most_ms: float) -> None:
    """Run a crowd of a thousand for so long, and check what it saw and what the engine kept."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with running("embedded") as server:
            engine = psutil.Process(server.process.pid)
            before = engine.num_fds()
            crowd = Crowd(calm=700, rough=300)
            grown = asyncio.run(crowded(server, crowd, seconds, most_ms))
            assert crowd.faults == []
            assert crowd.echoed_bytes > 1_000_000
            assert crowd.cut > 0
            assert abs(grown["descriptors"][1] - grown["descriptors"][0]) < 700  # the rough ones come and go, two each
            assert grown["memory"][1] - grown["memory"][0] < 30_000_000
            server.clean()
            deadline_s = time.monotonic() + 10
            while engine.num_fds() > before + 2 and time.monotonic() < deadline_s:
                time.sleep(0.05)
            assert engine.num_fds() <= before + 2  # the API's own connections may still be closing
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_thousand_connections_and_eight_meddlers() -> None:
    """Toxics come and go for six seconds: no dead-lock, no byte changed where no toxic changes any."""
    meddled(6, BESIDE_OTHERS_MS)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_thousand_connections_and_eight_meddlers_for_a_minute() -> None:
    """The same for sixty seconds, with descriptors and memory flat from the twentieth on."""
    meddled(60, API_MS)
