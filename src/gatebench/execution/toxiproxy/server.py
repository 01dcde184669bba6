"""The embedded engine as a process: `python -m gatebench.execution.toxiproxy.server --host 127.0.0.1 --port 8474`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import uvicorn
import uvloop

from gatebench import guard
from gatebench.errors import ConfigurationError, EnvironmentFailure, Problem
from gatebench.execution.toxiproxy.address import Address, bound_address, check_upstream, listen_address
from gatebench.execution.toxiproxy.api import Engine
from gatebench.execution.toxiproxy.asgi import Application
from gatebench.execution.toxiproxy.body import decode
from gatebench.execution.toxiproxy.clock import precise_clock
from gatebench.execution.toxiproxy.context import Context
from gatebench.execution.toxiproxy.proxies import Proxies
from gatebench.execution.toxiproxy.refusal import BAD_BODY, Refusal
from gatebench.execution.toxiproxy.wanted import WantedProxy, wanted_proxies

VERSION = "2.12.0"
_KEEP_ALIVE_S = 60


class _ApiServer(uvicorn.Server):
    """Uvicorn without its signals: SIGTERM is an orderly end here (exit 0), and ports are given back before anything else."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is no port; write a number from 0 to 65535")


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="toxiproxy", description="A TCP proxy with Toxiproxy's API, made to break things."
    )
    parser.add_argument("--host", default="127.0.0.1", help="loopback address of the API (default: %(default)s)")
    parser.add_argument(
        "--port", type=_port, default=8474, help="port of the API (default: %(default)s; 0: a free one)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="the same seed chooses the same victims (default: %(default)s)"
    )
    parser.add_argument(
        "--allow-remote",
        action="append",
        default=[],
        metavar="HOST",
        help="permit proxies to listen on or connect to HOST beyond loopback; repeat for several",
    )
    parser.add_argument(
        "--report-version", default=VERSION, metavar="VERSION", help="what /version says (default: %(default)s)"
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help='proxies to begin with: what /populate takes, an array or {"proxies": [...]}',
    )
    return parser.parse_args(arguments)


def _read_config(path: Path, allowed: Collection[str]) -> list[WantedProxy]:
    """Return the proxies that a file asks for; ConfigurationError when it cannot be read or anything in it is wrong."""
    cure = 'Write what /populate takes: [{"name": "api", "listen": "127.0.0.1:9000", "upstream": "127.0.0.1:8000"}].'
    try:
        wanted = wanted_proxies(decode(path.read_bytes()))
        for one in wanted:
            check_upstream(one.upstream, allowed)
            listen_address(one.listen, allowed)
    except OSError as error:
        raise ConfigurationError(
            [Problem(str(path), f"it cannot be read: {error.strerror}.", "Name a file that can.")]
        ) from error
    except (Refusal, ValueError) as error:
        raise ConfigurationError([Problem(str(path), f"{str(error).removeprefix(BAD_BODY)}.", cure)]) from error
    return wanted


def _bind_api(host: str, port: int) -> socket.socket:
    address = Address("127.0.0.1" if host == "localhost" else host.strip("[]"), port)
    if not guard.is_loopback(address.host):
        raise EnvironmentFailure(f"The API must listen on loopback, and {host} is not; use --host 127.0.0.1.")
    try:
        return socket.create_server((address.host, port), family=address.family)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise EnvironmentFailure(f"The API cannot listen on {address}: {why}. Choose another --port.") from error


def _allow_many_sockets() -> None:
    """Each connection takes two descriptors: take as many as the system lets us have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(options: argparse.Namespace, api_socket: socket.socket, wanted: Sequence[WantedProxy]) -> None:
    loop = asyncio.get_running_loop()
    clock = precise_clock(loop)
    proxies = Proxies(Context(loop, clock, options.seed, frozenset(options.allow_remote)))
    server = _ApiServer(
        uvicorn.Config(
            Application(Engine(proxies, options.report_version)),
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=1,
        )
    )

    def end() -> None:
        proxies.close()
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    gc.collect()
    gc.freeze()  # what was loaded so far lives until the end: the collector need not walk it while data pass
    try:
        for one in wanted:
            proxies.put(one)
        sys.stdout.write(f"The API listens on {bound_address(api_socket)}.\n")
        sys.stdout.flush()
        await server.serve(sockets=[api_socket])
    except Refusal as refusal:
        raise EnvironmentFailure(f"{options.config}: {refusal.message}. Nothing was started.") from refusal
    finally:
        proxies.close()
        clock.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM; returns the exit code: 0, 2 for what was asked for wrongly, 5 for a port that is taken."""
    options = _arguments(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    # It warns of every malformed request: whoever sends many would fill a pipe that nobody reads, and stop the engine.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    try:
        wanted = _read_config(options.config, options.allow_remote) if options.config else []
        with _bind_api(options.host, options.port) as api_socket:
            _allow_many_sockets()
            uvloop.run(_serve(options, api_socket, wanted))
    except (ConfigurationError, EnvironmentFailure) as failure:
        sys.stderr.write(f"{failure}\n")
        return failure.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
