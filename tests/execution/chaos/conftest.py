"""What tests of canaries share: the server that they ask, and patience with a busy machine."""

from collections.abc import Iterator

import pytest

from gatebench.execution.chaos import canary
from tests.execution.chaos.manners import Server


@pytest.fixture
def server() -> Iterator[Server]:
    """A server with good manners, to begin with."""
    made = Server()
    yield made
    made.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer over an answer than a canary waits, and it would look as if it hung."""
    monkeypatch.setattr(canary, "_TIMEOUT_S", 2.0)
