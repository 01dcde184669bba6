"""Where traffic may go: loopback, and the hosts somebody named on purpose.

The guard is asked with the address a socket is about to connect to, after name resolution, so that a name which
resolves elsewhere does not slip through.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable


class RemoteRefused(ConnectionRefusedError):
    """A socket was about to connect to an address that nobody allowed."""


def is_loopback(address: str) -> bool:
    """Tell whether an IP address in text form is loopback; IPv4-mapped IPv6 counts as what it maps."""
    try:
        ip = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_loopback


def resolve(host: str, port: int, allowed: Iterable[str] = ()) -> list[tuple[socket.AddressFamily, str]]:
    """Return the (family, address) pairs of `host` that may be connected to, in the resolver's order.

    Raises RemoteRefused if any address is not loopback and `host` is not among `allowed`; OSError if it does not resolve.
    """
    found: list[tuple[socket.AddressFamily, str]] = []
    for family, _, _, _, sockaddr in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        address = str(sockaddr[0])
        if (family, address) not in found:
            found.append((family, address))
    if host not in set(allowed):
        for _, address in found:
            check(address, allowed)
    return found


def check(address: str, allowed: Iterable[str] = ()) -> None:
    """Raise RemoteRefused unless `address` is loopback or named in `allowed`."""
    if not is_loopback(address) and address not in set(allowed):
        raise RemoteRefused(f"{address} is not a loopback address; name it with --allow-remote to send traffic there")
