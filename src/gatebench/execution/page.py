"""Asks a gateway for the page on which it tells Prometheus of itself: one GET within a deadline, past every link.

Whatever answers there is not trusted: it may hang, dribble, send without end or point elsewhere, and costs its deadline at most.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Collection
from typing import Final, cast

from gatebench import guard, tls
from gatebench.plan import Endpoint
from gatebench.run.pages import MOST_PAGE_BYTES, Page

_CHUNK_BYTES: Final = 1 << 16
_ASK: Final = "GET {path} HTTP/1.1\r\nhost: {host}\r\naccept: text/plain;version=0.0.4\r\nconnection: close\r\n\r\n"


class _Timely(io.RawIOBase):
    """What a socket sends, until a moment of the monotonic clock; TimeoutError from then on."""

    def __init__(self, sock: socket.socket, until_s: float) -> None:
        self._sock, self._until_s = sock, until_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        self._sock.settimeout(_left(self._until_s))
        return self._sock.recv_into(cast("bytearray", buffer))

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return a reader, as http.client asks a socket for one."""
        return io.BufferedReader(self, _CHUNK_BYTES)


class PageReader:
    """The page at `path` of an endpoint, or of where it is now; only loopback addresses and hosts in `allowed` are asked."""

    def __init__(self, at: Endpoint | Callable[[], Endpoint], path: str, allowed: Collection[str] = ()) -> None:
        self._where = at if callable(at) else lambda: at
        self._path, self._allowed = path, allowed
        self._context: ssl.SSLContext | None = None

    def read(self, within_s: float) -> Page:
        """Return the page, or why there is none; takes `within_s` at most once the name of the host is known."""
        until_s = time.monotonic() + within_s
        at_ns = time.monotonic_ns()
        try:
            at = self._where()
            with contextlib.closing(self._connect(at, until_s)) as sock:
                return self._answer(sock, at, until_s)
        except TimeoutError:
            why = f"no answer within {within_s:.1f} s"
        except guard.RemoteRefused:
            why = "its address is not allowed"
        except ConnectionRefusedError:
            why = "nobody listens"
        except ssl.SSLError as error:
            why = f"TLS fails: {error.reason or 'no reason given'}"
        except (ConnectionError, http.client.IncompleteRead):
            why = "it hung up"
        except http.client.HTTPException:
            why = "its answer is no HTTP"
        except (OSError, ValueError) as error:
            why = f"it cannot be asked: {getattr(error, 'strerror', None) or type(error).__name__}"
        return Page(at_ns, why=why)

    def _connect(self, at: Endpoint, until_s: float) -> socket.socket:
        """Return a connection to the first of its addresses that takes one: a name may stand for both families."""
        places: list[tuple[int, object]] = [(socket.AF_UNIX, at.unix)]
        if at.unix is None:
            places = [(family, (host, at.port)) for family, host in guard.resolve(at.host, at.port, self._allowed)]
        for family, address in places[:-1]:
            with contextlib.suppress(OSError):
                return self._connected(family, address, at, until_s)
        return self._connected(*places[-1], at, until_s)

    def _connected(self, family: int, address: object, at: Endpoint, until_s: float) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(_left(until_s))
            sock.connect(address)  # type: ignore[arg-type]  # of the family's own form
            if at.tls is None:
                return sock
            self._context = self._context or tls.context(at.tls)
            sock.settimeout(_left(until_s))
            return self._context.wrap_socket(sock, server_hostname=at.tls.server_name)
        except BaseException:
            sock.close()
            raise

    def _answer(self, sock: socket.socket, at: Endpoint, until_s: float) -> Page:
        host = "localhost" if at.unix is not None and at.authority is None else at.host_header()
        sock.settimeout(_left(until_s))
        sock.sendall(_ASK.format(path=self._path, host=host).encode("ascii"))
        response = http.client.HTTPResponse(cast("socket.socket", _Timely(sock, until_s)), method="GET")
        with contextlib.closing(response):
            response.begin()
            at_ns = time.monotonic_ns()
            if response.status != 200:
                return Page(at_ns, why=f"it answers {response.status}")
            body = response.read(MOST_PAGE_BYTES)
            if len(body) == MOST_PAGE_BYTES and response.read(1):
                return Page(at_ns, body, whole=False)
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)
            return Page(at_ns, body)


def _left(until_s: float) -> float:
    left = until_s - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
