"""What end-to-end tests share: a workspace of its own for each that calls `bench`, and one Toxiproxy server a module."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.bench_command import Bench
from tests.execution.toxiproxy.rig import KINDS, Server, Upstream, running

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background jobs ignore Ctrl-C, and so would every `bench` that is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty workspace in which `bench` is called."""
    return Bench(tmp_path)


@pytest.fixture(scope="module", params=KINDS)
def process(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Start one server for the module."""
    with running(request.param) as server:
        yield server


@pytest.fixture
def server(process: Server) -> Iterator[Server]:
    """Leave no proxy behind."""
    yield process
    process.clean()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """Listen, and close everything in the end."""
    upstream = Upstream()
    yield upstream
    upstream.close()
