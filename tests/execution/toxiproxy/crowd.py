"""Many clients that check every byte that comes back to them, while others put toxics on and take them off."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from tests.execution.toxiproxy.rig import Server, elapsed_ms

PATTERN = bytes(number * 7 % 251 for number in range(251)) * 40
LONGEST_WAIT_S = 15.0
MILD: tuple[tuple[str, dict[str, int]], ...] = (
    ("latency", {"latency": 20, "jitter": 20}),
    ("latency", {"latency": 60}),
    ("bandwidth", {"rate": 500}),
    ("slicer", {"average_size": 300, "size_variation": 100, "delay": 100}),
    ("slow_close", {"delay": 50}),
    ("limit_data", {"bytes": 10**12}),
    ("packet_loss", {"correlation": 1}),
    ("noop", {}),
)
ROUGH: tuple[tuple[str, dict[str, Any]], ...] = (
    ("timeout", {"timeout": 50}),
    ("timeout", {}),
    ("reset_peer", {"timeout": 20}),
    ("limit_data", {"bytes": 3000}),
    ("packet_loss", {"loss_rate": 0.3, "correlation": 0.5}),
    *MILD,
)


@dataclass
class Crowd:
    """`calm` clients behind one proxy keep their connection and check every byte; `rough` ones come back when they are cut."""

    calm: int
    rough: int
    echoed_bytes: int = 0
    cut: int = 0
    faults: list[str] = field(default_factory=list)
    connected: int = 0
    stopping: bool = False

    async def play(self, calm_port: int, rough_port: int) -> None:
        """Run until `stopping`."""
        clients = [self._calm(number, calm_port) for number in range(self.calm)]
        clients += [self._rough(number, rough_port) for number in range(self.rough)]
        await asyncio.gather(*clients)

    async def _calm(self, number: int, port: int) -> None:
        dice = random.Random(number)
        await asyncio.sleep(dice.random())
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            self.connected += 1
            while not self.stopping:
                await self._echo(reader, writer, dice, LONGEST_WAIT_S)
            writer.close()
        except (OSError, EOFError) as error:
            self.faults.append(f"client {number}: {error!r}")

    async def _rough(self, number: int, port: int) -> None:
        dice = random.Random(-number)
        while not self.stopping:
            await asyncio.sleep(dice.random())
            writer = None
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                while not self.stopping:
                    await self._echo(reader, writer, dice, 1.0, strict=False)
            except (OSError, EOFError):
                self.cut += 1
            finally:
                if writer is not None:
                    writer.transport.abort()

    async def _echo(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        dice: random.Random,
        within_s: float,
        *,
        strict: bool = True,
    ) -> None:
        start = dice.randrange(251)
        data = PATTERN[start : start + dice.randrange(1, 6000)]
        writer.write(data)
        async with asyncio.timeout(within_s):
            got = await reader.readexactly(len(data))
        if got == data:
            self.echoed_bytes += len(data)
        elif strict:
            self.faults.append("a byte came back as another")
        await asyncio.sleep(dice.uniform(0.1, 0.9))


class Echo(asyncio.Protocol):
    """Sends back what it gets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Send it back."""
        self.transport.write(data)


@dataclass
class Meddlers:
    """Threads that call the API at random, and remember their slowest call and every answer that should not be."""

    server: Server
    slowest_ms: float = 0.0
    calls: int = 0
    faults: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, count: int) -> None:
        """Begin."""
        self._threads = [threading.Thread(target=self._meddle, args=(seed,), daemon=True) for seed in range(count)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, and wait for those who are in the middle of a call."""
        self._over.set()
        for thread in self._threads:
            thread.join(LONGEST_WAIT_S)
            assert not thread.is_alive()

    def _meddle(self, seed: int) -> None:
        dice = random.Random(seed)
        while not self._over.wait(dice.uniform(0.05, 0.15)):
            proxy, kinds = dice.choice((("calm", MILD), ("rough", ROUGH)))
            name = f"t{dice.randrange(5)}"
            one = f"/proxies/{proxy}/toxics/{name}"
            type_name, attributes = dice.choice(kinds)
            content = {
                "name": name,
                "type": type_name,
                "stream": dice.choice(("upstream", "downstream")),
                "toxicity": dice.choice((1.0, 0.5, 0.1)),
                "attributes": attributes,
            }
            calls: list[tuple[str, str, Any]] = [
                *[("POST", f"/proxies/{proxy}/toxics", content)] * 2,
                ("DELETE", one, None),
                ("PATCH", one, {"toxicity": 0.7}),
                ("GET", "/proxies", None),
                ("GET", "/metrics", None),
            ]
            method, path, body = dice.choice(calls)
            start_ns = time.monotonic_ns()
            try:
                status = self.server.ask(method, path, body).status
            except OSError as error:
                self.faults.append(repr(error))
                continue
            if status not in (200, 204, 404, 409):
                self.faults.append(f"{status} for {method} {path} {body}")
            self.calls += 1
            self.slowest_ms = max(self.slowest_ms, elapsed_ms(start_ns))
