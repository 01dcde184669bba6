"""Starts the gateway that TensorZero's package holds and says where it listens; ends on SIGTERM. It is not in the path of requests."""

from __future__ import annotations

import signal
import sys
import urllib.parse
from pathlib import Path

from tensorzero.tensorzero import _start_http_gateway  # type: ignore[import-not-found]  # of the target's own environment


def main(config: str, address: Path) -> None:
    """Serve `config` until SIGTERM. The gateway chooses a port of 127.0.0.1; its threads serve, this one waits."""
    # Blocked in the gateway's threads too, which begin as this one is: else the signal would end them all at once.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    gateway = _start_http_gateway(
        config_file=config, clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False
    )
    address.write_text(f"{urllib.parse.urlsplit(gateway.base_url).netloc}\n")
    signal.sigwait({signal.SIGTERM})
    gateway.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
