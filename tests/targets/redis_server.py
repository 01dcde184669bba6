"""A real redis-server for a test, on a free port, with nothing on disk."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from gatebench.execution.redis import answers
from gatebench.execution.topology.ports import free_ports

HOST = "127.0.0.1"
_WITHIN_S = 10.0


@dataclass(frozen=True)
class RedisServer:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://{HOST}:{self.port}"

    def pause(self) -> None:
        """Let it hang: connections stay, and nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Start a server; it is killed in the end."""
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server here; apt-get install redis-server")
    port = free_ports(1)[0]
    process = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", HOST, "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + _WITHIN_S
        while not answers(HOST, port):
            assert process.poll() is None and time.monotonic() < deadline, "redis-server did not start"
            time.sleep(0.01)
        yield RedisServer(port, process)
    finally:
        process.kill()
        process.wait()
