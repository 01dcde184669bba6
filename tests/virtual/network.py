"""The network of the virtual world: connections between protocols of one loop, each chunk under way for a drawn time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any, Final

import aiohttp

_LEAST_S: Final = 0.00005
_MEAN_S: Final = 0.00015
_HIGH_WATER: Final = 64 * 1024

Factory = Callable[[], asyncio.BaseProtocol]


class End(asyncio.Transport):
    """One end of a connection: what is written here arrives there, in order, a little later."""

    def __init__(self, network: Network, protocol: Any, port: int) -> None:
        super().__init__({"sockname": ("127.0.0.1", port), "peername": ("127.0.0.1", 1), "socket": None})
        self._network, self._protocol = network, protocol
        self._loop = asyncio.get_running_loop()
        self._other: End | None = None
        self._arrives_s = 0.0
        self._held: list[bytes] | None = None
        self._unread = 0
        self._choked = False
        self._closing = self._lost = False

    def meet(self, peer: End) -> None:
        """Be connected with the other end."""
        self._other = peer

    def write(self, data: Any) -> None:
        """Send bytes on their way; who writes faster than the peer reads is told so."""
        if self._closing or not data or self._other is None:
            return
        peer, chunk = self._other, bytes(data)
        peer._unread += len(chunk)
        self._later(peer._take, chunk)
        if peer._unread > _HIGH_WATER and not self._choked:
            self._choked = True
            self._protocol.pause_writing()

    def writelines(self, list_of_data: Any) -> None:
        """Send several."""
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        """End the connection when everything written has arrived."""
        if not self._closing:
            self._closing = True
            if self._other is not None:
                self._later(self._other._ended)
            self._loop.call_soon(self._lose)

    def abort(self) -> None:
        """End it now."""
        self.close()

    def is_closing(self) -> bool:
        """Tell whether this end was closed."""
        return self._closing

    def pause_reading(self) -> None:
        """Keep what arrives."""
        if self._held is None:
            self._held = []

    def resume_reading(self) -> None:
        """Hand it over."""
        held, self._held = self._held or [], None
        for chunk in held:
            self._loop.call_soon(self._hand_over, chunk)

    def is_reading(self) -> bool:
        """Tell whether it hands over what arrives."""
        return self._held is None

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is one limit for all."""

    def get_write_buffer_size(self) -> int:
        """Nothing is kept here."""
        return 0

    def can_write_eof(self) -> bool:
        """Half-closed connections are not of this world."""
        return False

    def get_protocol(self) -> Any:
        """Return who is told of it."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Tell somebody else from now on."""
        self._protocol = protocol

    def _later(self, call: Callable[..., None], *arguments: Any) -> None:
        """Make the peer's calls in the order in which they were made here."""
        self._arrives_s = max(self._arrives_s + 1e-9, self._loop.time() + self._network.delay_s())
        self._loop.call_at(self._arrives_s, call, *arguments)

    def _take(self, chunk: bytes) -> None:
        if self._held is not None:
            self._held.append(chunk)
        else:
            self._hand_over(chunk)

    def _hand_over(self, chunk: bytes) -> None:
        self._unread -= len(chunk)
        if self._other is not None and self._other._choked and self._unread <= _HIGH_WATER // 2:
            self._other._choked = False
            if not self._other._lost:
                self._other._protocol.resume_writing()
        if not self._closing:
            self._protocol.data_received(chunk)

    def _ended(self) -> None:
        """The peer closed."""
        if not self._closing:
            self._protocol.eof_received()
            self._closing = True
            self._lose()

    def _lose(self) -> None:
        if not self._lost:
            self._lost = True
            self._protocol.connection_lost(None)


class Network:
    """Who listens where, and how long a chunk is under way: at least 50 µs, 150 µs more on average (exponential)."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"network/{seed}")
        self._listeners: dict[int, Factory] = {}

    def delay_s(self) -> float:
        """Draw how long the next chunk is under way."""
        return _LEAST_S + self._random.expovariate(1 / _MEAN_S)

    def listen(self, port: int, factory: Factory) -> None:
        """Accept connections at a port."""
        self._listeners[port] = factory

    async def connect(self, port: int, factory: Factory) -> tuple[End, Any]:
        """Return a transport and protocol that are connected with whoever listens. Raises ConnectionRefusedError."""
        await asyncio.sleep(self.delay_s())
        accept = self._listeners.get(port)
        if accept is None:
            raise ConnectionRefusedError(111, f"nobody listens on port {port}")
        theirs = accept()
        ours = factory()
        near, far = End(self, ours, port), End(self, theirs, port)
        near.meet(far)
        far.meet(near)
        theirs.connection_made(far)
        ours.connection_made(near)
        return near, ours

    def carry_aiohttp(self) -> None:
        """Have the connections of every aiohttp client go through this network."""
        network = self

        async def create(connector: Any, request: Any, *_: Any, **__: Any) -> Any:
            try:
                protocol = (await network.connect(request.url.port, connector._factory))[1]
            except OSError as error:
                raise aiohttp.ClientConnectorError(request.connection_key, error) from error
            return protocol

        setattr(aiohttp.TCPConnector, "_create_connection", create)  # noqa: B010 - a method of somebody else's class
