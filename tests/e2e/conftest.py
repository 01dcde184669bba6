"""A workspace of its own for each test that calls `bench`."""

from pathlib import Path

import pytest

from tests.e2e.bench_command import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty workspace in which `bench` is called."""
    return Bench(tmp_path)
