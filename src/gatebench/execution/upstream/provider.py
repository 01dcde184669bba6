"""One simulated provider as a process: `python -m gatebench.execution.upstream.provider CONFIG.json`."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import uvloop

from gatebench.errors import ConfigurationError, EnvironmentFailure, GatebenchError, Problem
from gatebench.execution.upstream.active import ActiveFaults
from gatebench.execution.upstream.admin import Admin
from gatebench.execution.upstream.application import Application
from gatebench.execution.upstream.config import ProviderConfig
from gatebench.execution.upstream.connection import Connection
from gatebench.execution.upstream.faults.registry import mechanisms
from gatebench.execution.upstream.ledger import Ledger
from gatebench.run.stream import FLUSH_INTERVAL_S, StreamWriter
from gatebench.sample import ATTEMPT

_BACKLOG = 4096
_LAST_WORDS_S = 1.0
_COLLECTION_THRESHOLD = 50_000


def main(arguments: list[str]) -> int:
    """Run the provider that the file in `arguments` describes until SIGTERM; returns its exit code."""
    try:
        if len(arguments) != 1:
            problem = Problem("provider", "takes one argument.", "Name a JSON file with the provider's configuration.")
            raise ConfigurationError([problem])
        config = ProviderConfig.read(Path(arguments[0]))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(config))
    except GatebenchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


async def serve(config: ProviderConfig) -> None:
    """Listen, say so, flush the ledger every second, and close the books on SIGTERM or SIGINT.

    Raises EnvironmentFailure when the port is taken or the ledger cannot be written.
    """
    listeners = _listeners(config)
    with _disk(config):
        writer = StreamWriter(ATTEMPT, config.stream_path, config.vocabularies, {"provider": config.name})
    ledger = Ledger(config.name, writer, config.run, config.first_ordinal, config.processes)
    Connection.number_from(config.first_ordinal, config.processes)
    faults = ActiveFaults(config.seed, config.vocabularies.get("fault", ()), config.processes)
    control = Admin(
        name=config.name,
        token=config.admin_token,
        ledger=ledger,
        faults=faults,
        mechanisms=mechanisms(),
        clock=time.monotonic_ns,
    )
    application = Application(config, ledger, faults, control)
    connections: set[Connection] = set()
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    make = partial(Connection, application, connections)
    servers = [await loop.create_server(make, sock=listener, backlog=_BACKLOG) for listener in listeners]
    for listener in listeners:
        host, port = listener.getsockname()[:2]
        sys.stdout.write(f"{config.name} listens on {host} port {port}\n")
    sys.stdout.flush()
    gc.freeze()  # what start-up made stays, and an answer makes no cycles: collections have little to look for
    gc.set_threshold(_COLLECTION_THRESHOLD)
    try:
        await _flush_until(stopped, ledger, config)
    finally:
        for server in servers:
            server.close()
        with _disk(config):
            ledger.close()
        for connection in list(connections):
            connection.abort()
        if application.tasks:  # they wake up, find their callers gone, and end
            await asyncio.wait(application.tasks, timeout=_LAST_WORDS_S)


def _listeners(config: ProviderConfig) -> list[socket.socket]:
    """Return what to listen on: the port of the name, and this process's own when several share the name's.

    The kernel gives each new connection to one of those who share a port (SO_REUSEPORT).
    """
    listeners = [_listen(config, config.port, shared=config.processes > 1)]
    if config.admin_port is not None:
        listeners.append(_listen(config, config.admin_port, shared=False))
    return listeners


def _listen(config: ProviderConfig, port: int, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, port), family=family, backlog=_BACKLOG, reuse_port=shared)
    except OSError as error:
        raise EnvironmentFailure(
            f"{config.name}: cannot listen on {config.host} port {port} ({error.strerror}). "
            "Stop what listens there or choose another port."
        ) from error


@contextmanager
def _disk(config: ProviderConfig) -> Iterator[None]:
    """Say in a sentence that the disk refuses. Raises EnvironmentFailure."""
    try:
        yield
    except OSError as error:
        raise EnvironmentFailure(
            f"{config.name}: the ledger cannot be written ({error}). Make room, or name another stream_path."
        ) from error


async def _flush_until(stopped: asyncio.Event, ledger: Ledger, config: ProviderConfig) -> None:
    """Flush every second until `stopped`."""
    while not stopped.is_set():
        try:
            async with asyncio.timeout(FLUSH_INTERVAL_S):
                await stopped.wait()
        except TimeoutError:
            with _disk(config):
                ledger.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
