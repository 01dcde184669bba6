"""What the tests of the targets share: a stage with two providers, and targets that are stopped afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import httpx
import pytest

from gatebench.target import Setting
from tests.targets.fake_provider import FakeProvider, Stage
from tests.targets.starting import Running, definition_of, prepare

Start = Callable[..., Running]
PATIENCE: Mapping[str, Setting] = {"connect_timeout": "10s", "request_timeout": "20s", "total_timeout": "30s"}
"""The reference gateway's times where neither the test nor a profile sets them: a provider that a busy machine delays has not failed."""


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A loop for fake providers."""
    stage = Stage()
    yield stage
    stage.close()


@pytest.fixture
def first(stage: Stage) -> FakeProvider:
    """The provider that is asked first."""
    return stage.provider("provider-a")


@pytest.fixture
def second(stage: Stage) -> FakeProvider:
    """The provider that is asked when the first one fails."""
    return stage.provider("provider-b")


@pytest.fixture
def start(tmp_path: Path, first: FakeProvider, second: FakeProvider) -> Iterator[Start]:
    """Start a target in front of both providers: `start("reference", retries=1)`."""
    running: list[Running] = []

    def begin(
        name: str,
        *,
        profile: str = "default",
        deadline_s: float = 30.0,
        tenants: Sequence[Mapping[str, str]] = (),
        store_url: str | None = None,
        **settings: Setting,
    ) -> Running:
        if name == "reference":
            settings = {**PATIENCE, **definition_of(name).profiles[profile].settings, **settings}
        prepared = prepare(
            name,
            tmp_path,
            [first, second],
            profile=profile,
            deadline_s=deadline_s,
            tenants=tenants,
            store_url=store_url,
            **settings,
        )
        running.append(Running(prepared))
        return running[-1].start()

    yield begin
    for one in running:
        one.stop()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """A client that does exactly what it is told."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
    with httpx.Client(trust_env=False, timeout=20.0, limits=limits) as client:
        yield client
