"""Where a proxy takes its clients: a port that can refuse for a while without being lost to somebody else."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable

from gatebench.execution.toxiproxy.address import Address, bind, bind_refusal, bound_address

_BACKLOG = 4096
_ACCEPTS_AT_ONCE = 64
_BREATH_S = 0.1


class Listener:
    """Calls `on_client` with every accepted, non-blocking socket while it is open; refuses connections while it is closed.

    While it is closed, a second socket that is bound and never listens keeps the port: otherwise the kernel could lend it
    to an outgoing connection (a gateway's, to a provider), and the proxy could not come back.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, address: Address, on_client: Callable[[socket.socket], None]
    ) -> None:
        self._loop = loop
        self._on_client = on_client
        self._listening: socket.socket | None = None
        self._reservation: socket.socket | None = None
        self._pausing: asyncio.TimerHandle | None = None
        first = bind(address)
        self.address = bound_address(first)
        if sys.platform == "linux":  # elsewhere two sockets may not be bound to one port
            self._reservation = first
        else:
            first.close()

    def open(self) -> None:
        """Accept clients; raises Refusal when somebody else took the port meanwhile."""
        listening = bind(self.address)
        try:
            listening.listen(_BACKLOG)
        except OSError as error:
            listening.close()
            raise bind_refusal(self.address, error) from error
        self._listening = listening
        self._loop.add_reader(listening, self._accept)

    def close(self) -> None:
        """Refuse clients; the port stays ours."""
        if self._pausing is not None:
            self._pausing.cancel()
        if self._listening is not None:
            self._loop.remove_reader(self._listening)
            self._listening.close()
            self._listening = None

    def release(self) -> None:
        """Refuse clients and give the port back."""
        self.close()
        if self._reservation is not None:
            self._reservation.close()
            self._reservation = None

    def _accept(self) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            if self._listening is None:
                return
            try:
                client, _ = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                self._breathe()
                return
            client.setblocking(False)
            self._on_client(client)

    def _breathe(self) -> None:
        """Pause: most likely no descriptors are left, and connections must end before others can be accepted."""
        assert self._listening is not None  # noqa: S101 - only called while accepting
        self._loop.remove_reader(self._listening)
        self._pausing = self._loop.call_later(_BREATH_S, self._loop.add_reader, self._listening, self._accept)
