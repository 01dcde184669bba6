"""Free loopback ports, outside the range that outgoing connections draw from, so that load cannot take them away; and not those
that another process of ours has just been given and does not listen on yet."""

from __future__ import annotations

import errno
import os
import random
import socket
import sys
from collections import deque
from pathlib import Path

_FIRST, _LAST = 10_240, 65_000
_KEPT = 256
_reserved: deque[int] = deque()


def _ephemeral_range() -> tuple[int, int]:
    try:
        low, high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
        return int(low), int(high)
    except (OSError, ValueError):
        return 32_768, 60_999


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether `port` can be listened on now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _reserve(port: int) -> bool:
    """Tell whether no other process of ours was given `port`; if so, let the others know that this one was.

    The sign is a name among the abstract Unix sockets (unix(7)), which ends with its process whatever becomes of that. Elsewhere
    than on Linux there are none, and every port counts as ours.
    """
    if sys.platform != "linux":
        return True
    sign = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        sign.bind(f"\0gatebench-port-{port}")
    except OSError as problem:
        sign.close()
        return problem.errno != errno.EADDRINUSE
    _reserved.append(sign.detach())
    while len(_reserved) > _KEPT:
        os.close(_reserved.popleft())
    return True


def free_ports(count: int) -> list[int]:
    """Return `count` different ports that nobody listens on and nobody of ours was given; OSError when there are not that many."""
    low, high = _ephemeral_range()
    everything = range(_FIRST, _LAST)
    candidates = [port for port in everything if not low <= port <= high] or list(everything)
    random.SystemRandom().shuffle(candidates)
    found: list[int] = []
    for port in candidates:
        if len(found) == count:
            break
        if is_free(port) and _reserve(port):
            found.append(port)
    if len(found) < count:
        raise OSError(f"{count} free loopback ports are not to be had; {len(found)} are")
    return found
