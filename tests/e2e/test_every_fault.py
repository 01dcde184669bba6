"""Every fault that is shipped bites, is proven by its own canaries, and is gone when it is cleared: on both engines."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from gatebench.content import Content
from gatebench.execution.desk_client import ask
from gatebench.execution.desk_state import DeskState, desks
from gatebench.execution.ordering import Order, single_fault
from gatebench.execution.toxiproxy.program import find_real_server
from gatebench.faults import FLAGS, FaultDefinition
from tests.e2e.bench_command import Bench

pytestmark = pytest.mark.e2e

NAMES = [name for name in Content().fault_names() if name != "packet-loss"]
LINKS = [name for name in NAMES if Content().fault(name).layer == "link"]
PLACES = {"link": "provider-b", "provider": "provider-b", "process": "provider-b"}


def standing(bench: Bench, engine: str) -> Iterator[DeskState]:
    """The desk of a standing topology on one engine."""
    assert bench("up", "--target", "reference", "--engine", engine).code == 0
    before = os.environ.get("GATEBENCH_STATE")
    os.environ["GATEBENCH_STATE"] = bench.env["GATEBENCH_STATE"]
    try:
        (desk,) = desks()
        yield desk
    finally:
        os.environ.pop("GATEBENCH_STATE") if before is None else os.environ.update(GATEBENCH_STATE=before)
        assert bench("down").code == 0


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskState]:
    """On the embedded engine."""
    yield from standing(Bench(tmp_path_factory.mktemp("ours")), "embedded")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskState]:
    """On the real server."""
    if find_real_server() is None:
        pytest.skip("no toxiproxy-server here; `make toxiproxy` builds it")
    yield from standing(Bench(tmp_path_factory.mktemp("real")), "toxiproxy")


def proven(desk: DeskState, name: str) -> dict[str, Any]:
    """Put a fault on, clear it, and return where it stood in between; once more where canaries met a machine that was late."""
    row = tried(desk, name)
    return row if row["proven"] else tried(desk, name)


def tried(desk: DeskState, name: str) -> dict[str, Any]:
    """Put a fault on and clear it."""
    definition: FaultDefinition = Content().fault(name)
    problems: list[Any] = []
    place, said = ("gateway", ("rollback=1",)) if definition.mechanism == FLAGS else (PLACES[definition.layer], ())
    windows = single_fault(Order(name, place, "60s", said), desk, problems)
    assert not problems, problems
    answer = ask(desk, {"op": "inject", "faults": [fault.model_dump(mode="json") for fault in windows]})
    assert "problems" not in answer, answer
    assert len(ask(desk, {"op": "clear"})["cleared"]) == 1
    return dict(answer["faults"][0])


@pytest.mark.parametrize("name", [*NAMES, "packet-loss"])
def test_on_the_embedded_engine(ours: DeskState, name: str) -> None:
    """On, proven, off."""
    row = proven(ours, name)
    assert (row["state"], row["proven"]) == ("on", True), row


@pytest.mark.parametrize("name", LINKS)
def test_on_the_real_server(real: DeskState, name: str) -> None:
    """On, proven, off: the same words mean the same there."""
    row = proven(real, name)
    assert (row["state"], row["proven"]) == ("on", True), row


def test_what_is_ours_alone_is_refused_there(real: DeskState) -> None:
    """In words, before anything is asked of the server."""
    problems: list[Any] = []
    assert single_fault(Order("packet-loss", "provider-a", "5s"), real, problems) == []
    assert "the real Toxiproxy server has no toxic.packet_loss" in str(problems[0])
