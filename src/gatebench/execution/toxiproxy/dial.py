"""One attempt to reach an upstream: beside everything else, so that a dead upstream holds up nobody but its own client."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Collection

from gatebench import guard
from gatebench.execution.toxiproxy.address import Address, upstream_places

Places = list[tuple[socket.AddressFamily, str]]


class Dial:
    """Tries the places of an upstream in turn; calls `done` once, with a connected socket or None, unless it is cancelled.

    The guard is asked about every place, after names were looked up: one that is neither loopback nor in `allowed` counts
    as unreachable.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        upstream: Address,
        allowed: Collection[str],
        done: Callable[[socket.socket | None], None],
    ) -> None:
        self._loop = loop
        self._upstream = upstream
        self._allowed = allowed
        self._done = done
        self._places: Places = []
        self._sock: socket.socket | None = None
        self._lookup: asyncio.Future[Places] | None = None

    def start(self) -> None:
        """Begin. `done` may be called before this returns."""
        try:
            places = upstream_places(self._upstream, self._allowed)
        except guard.RemoteRefused:
            self._done(None)
            return
        if places is not None:
            self._places = places
            self._next()
            return
        host, port = self._upstream.host, self._upstream.port
        self._lookup = asyncio.ensure_future(
            self._loop.run_in_executor(None, guard.resolve, host, port, self._allowed), loop=self._loop
        )
        self._lookup.add_done_callback(self._looked_up)

    def cancel(self) -> None:
        """Give up; `done` is not called any more."""
        if self._lookup is not None:
            self._lookup.cancel()
        self._drop()

    def _looked_up(self, lookup: asyncio.Future[Places]) -> None:
        if lookup.cancelled():
            return
        self._places = lookup.result() if lookup.exception() is None else []
        self._next()

    def _next(self) -> None:
        """Try the next place; a non-blocking connect says at once, or when the socket becomes writable, how it went."""
        while self._places:
            family, host = self._places.pop(0)
            try:
                self._sock = sock = socket.socket(family, socket.SOCK_STREAM)
            except OSError:
                continue  # no such family here, or no descriptor left
            sock.setblocking(False)
            result = sock.connect_ex((host, self._upstream.port))
            if result == 0:
                self._sock = None
                self._done(sock)
                return
            if result == errno.EINPROGRESS:
                self._loop.add_writer(sock, self._connected)
                return
            self._drop()
        self._done(None)

    def _connected(self) -> None:
        sock = self._sock
        if sock is None:
            return
        self._loop.remove_writer(sock)
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0:
            self._drop()
            self._next()
            return
        self._sock = None
        self._done(sock)

    def _drop(self) -> None:
        if self._sock is not None:
            self._loop.remove_writer(self._sock)
            self._sock.close()
            self._sock = None
