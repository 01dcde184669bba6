"""What is set up around code that is not ours: where its prints go, and where its sockets may."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Iterable
from typing import Any

from gatebench import guard


def keep_stdout() -> int:
    """Return a descriptor of stdout for our own words; what anybody else prints goes where stderr goes."""
    ours = os.dup(1)
    os.dup2(2, 1)
    return ours


def guard_sockets(allowed: Iterable[str]) -> None:
    """Have every socket that Python opens from now on ask the guard before it connects (call after Locust is imported).

    Raises guard.RemoteRefused out of `connect`. What a C library opens by itself is not seen.
    """
    names = set(allowed)
    for host in tuple(names):
        try:
            names |= {address for _, address in guard.resolve(host, 0, names)}
        except OSError:
            continue  # a name that does not resolve cannot be connected to either
    for method in ("connect", "connect_ex"):
        setattr(socket.socket, method, _asking(getattr(socket.socket, method), names))


def _asking(connect: Callable[..., Any], allowed: set[str]) -> Callable[..., Any]:
    def asked(self: socket.socket, address: Any) -> Any:
        if self.family in {socket.AF_INET, socket.AF_INET6}:
            _check(str(address[0]), int(address[1]), allowed)
        return connect(self, address)

    return asked


def _check(host: str, port: int, allowed: set[str]) -> None:
    try:
        ipaddress.ip_address(host.split("%", 1)[0])
    except ValueError:
        guard.resolve(host, port, allowed)
    else:
        guard.check(host, allowed)
