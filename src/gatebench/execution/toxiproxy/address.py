"""Where a proxy may listen and where it may connect: host and port as the API writes them, and the rule of loopback."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Collection
from dataclasses import dataclass

from gatebench import guard
from gatebench.execution.toxiproxy.refusal import Refusal

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Address:
    """A host (a name, or an IP address without brackets) and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def family(self) -> socket.AddressFamily:
        """The family of the IP address."""
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET


def parse(text: str) -> Address:
    """Return the address in `text` (`host:port`, `[v6]:port`, `:port`); ValueError names what is wrong, in Toxiproxy's words."""
    host, colon, port = text.rpartition(":")
    if not colon or host.endswith(":") or (host.startswith("[") and not host.endswith("]")):
        raise ValueError(f"address {text}: missing port in address")
    if host.startswith("["):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"address {text}: too many colons in address")
    if not (port.isascii() and port.isdigit() and int(port[:6]) <= 65535):
        raise ValueError(f"address {port}: invalid port")
    return Address(host, int(port))


def listen_address(text: str, allowed: Collection[str]) -> Address:
    """Return the IP address and port that `listen` means: no host and `localhost` are 127.0.0.1.

    Raises ValueError for what is no address, Refusal for one that is neither loopback nor in `allowed`.
    """
    if text == "":
        return Address(_LOOPBACK, 0)
    address = parse(text)
    if address.host in ("", "localhost"):
        return Address(_LOOPBACK, address.port)
    _require_near(address.host, allowed, f'"listen" is {text}')
    if not _is_ip(address.host):
        raise Refusal(400, f'"listen" is {text}: write an IP address or localhost; other names are not looked up here')
    return address


def check_upstream(text: str, allowed: Collection[str]) -> None:
    """Raise Refusal unless `text` is an address that the proxy could connect to and may.

    A name in `allowed` is looked up when a client comes; `localhost` too, and then it must be loopback.
    """
    try:
        address = parse(text)
    except ValueError as error:
        raise Refusal(400, f'"upstream" is no host:port: {error}') from error
    if address.host != "localhost":
        _require_near(address.host, allowed, f'"upstream" is {text}')


def upstream_places(address: Address, allowed: Collection[str]) -> list[tuple[socket.AddressFamily, str]] | None:
    """Return the (family, IP address) pairs to try for an upstream, None when its name must be looked up first."""
    if address.host == "localhost":
        return [(socket.AF_INET, _LOOPBACK), (socket.AF_INET6, "::1")]
    if _is_ip(address.host):
        guard.check(address.host, allowed)
        return [(address.family, address.host)]
    return None


def bind(address: Address) -> socket.socket:
    """Return a bound, non-blocking TCP socket that does not listen yet; raises Refusal in Toxiproxy's words."""
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address.host, address.port))
    except OSError as error:
        sock.close()
        raise bind_refusal(address, error) from error
    return sock


def bind_refusal(address: Address, error: OSError) -> Refusal:
    """Return the refusal for an address that could not be bound or listened on."""
    words = os.strerror(error.errno or errno.EINVAL)
    return Refusal(500, f"listen tcp {address}: bind: {words[:1].lower()}{words[1:]}")


def bound_address(sock: socket.socket) -> Address:
    """Return the address a socket is bound to."""
    host, port = sock.getsockname()[:2]
    return Address(host, port)


def _is_ip(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return True
    return False


def _require_near(host: str, allowed: Collection[str], where: str) -> None:
    if not guard.is_loopback(host) and host not in allowed:
        raise Refusal(
            403, f"{where}, which is not a loopback address; start the engine with --allow-remote {host} to permit it"
        )
