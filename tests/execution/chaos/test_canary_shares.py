"""A fault that hits a share of the connections is proven by how many it hit, over pooled connections and fresh ones."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from gatebench.execution.chaos.canary import Address, Canary, proof_needs_s
from gatebench.faults import FaultDefinition
from tests.execution.chaos.manners import Server
from tests.execution.chaos.planned_fault import toxic, using
from tests.execution.chaos.test_canary import comes_near

pytestmark = pytest.mark.usefixtures("patient")

SHARE = 0.3
SAMPLES = 22  # 0.7^22 = 0.0004


def some(share: float) -> Callable[[int], bool]:
    """Victims: each connection with this chance, the same ones each time."""
    return lambda ordinal: Random(ordinal + 1).random() < share


def canary(server: Server, definition: FaultDefinition, **parameters: float) -> Canary:
    """A canary of the fault, of which the toxicity is the share."""
    fault = using(definition, **{"toxicity": SHARE, **parameters})
    return Canary(fault, Address("127.0.0.1", server.port, "/v1/models"), "0123abcd")


@pytest.mark.parametrize(("manner", "live"), [("eof", "FIN"), ("reset", "RST"), ("hang", "hang")])
def test_a_share_is_proven_and_its_end_too(server: Server, manner: str, live: str) -> None:
    """Enough connections are asked; each meets the fault or answers; as many meet it as can be; afterwards all answer."""
    watch = canary(server, toxic(manner, live))
    assert [probe.met for probe in watch.before()] == ["answer"] * SAMPLES
    server.manner, server.victims = manner, some(SHARE)
    during = watch.during()
    assert [sum(probe.pooled == pooled for probe in during) for pooled in (True, False)] == [SAMPLES, SAMPLES]
    assert "answer" in watch.expected(pooled=True)
    assert manner in watch.expected(pooled=False)
    assert watch.bites(during)
    assert not watch.is_gone(watch.after())
    server.manner = "answer"
    assert watch.is_gone(watch.after())


@pytest.mark.parametrize("really", [0.0, 1.0])
def test_none_and_all_are_no_share(server: Server, really: float) -> None:
    """A fault that hits nobody is not proven, and one that hits everybody is not the one that was planned."""
    watch = canary(server, toxic("eof", "FIN"))
    watch.before()
    server.manner, server.victims = "eof", some(really)
    during = watch.during()
    assert all(watch.accepts(probe) for probe in during)
    assert not watch.bites(during)


def test_pooled_connections_are_judged_by_themselves(server: Server) -> None:
    """A fault that leaves connections from before alone is not proven, however right it is for fresh ones."""
    watch = canary(server, toxic("eof", "FIN"))
    watch.before()
    server.manner, server.victims = "eof", lambda ordinal: ordinal >= SAMPLES and some(SHARE)(ordinal)
    during = watch.during()
    assert not watch.bites(during)
    assert watch.bites([probe for probe in during if not probe.pooled])


def test_the_wrong_failure_is_no_proof(server: Server) -> None:
    """A connection that hangs where it should be reset did meet something else."""
    watch = canary(server, toxic("reset", "RST"))
    watch.before()
    server.manner, server.victims = "hang", some(SHARE)
    assert not watch.bites(watch.during())


def test_a_delay_of_a_share(server: Server) -> None:
    """The fidelity is that of the connections that were hit; the number of these must be right too."""
    watch = canary(server, toxic("delay", latency=1000))
    watch.before()
    server.manner, server.victims = 1.0, some(SHARE)
    assert comes_near(watch)
    assert not watch.is_gone(watch.after())
    server.victims = some(1.0)
    watch.before()
    assert not watch.bites(watch.during())
    server.manner = "answer"
    assert watch.is_gone(watch.after())


def test_a_loss_is_proven_by_the_share_of_answers_that_are_lost(server: Server) -> None:
    """A small answer is one chunk: it is lost with the probability of the loss, and then nothing comes."""
    watch = canary(server, toxic("loss", loss_rate=SHARE), toxicity=1.0)
    assert len(watch.before()) == SAMPLES
    server.manner, server.victims = "hang", some(SHARE)
    during = watch.during()
    assert {probe.met for probe in during} == {"answer", "hang"}
    assert watch.bites(during)
    assert watch.fidelity(during) is None
    server.manner = "answer"
    assert not watch.bites(watch.after())
    assert watch.is_gone(watch.after())


def test_a_loss_of_everything(server: Server) -> None:
    """Every canary hangs."""
    watch = canary(server, toxic("loss", loss_rate=1), toxicity=1.0)
    assert len(watch.before()) == 3
    server.manner = "hang"
    assert watch.bites(watch.during())
    server.manner = "answer"
    assert not watch.bites(watch.after())


def test_how_long_the_proof_of_a_share_takes() -> None:
    """A rate is measured one connection after the other, most of them unhindered; others are all asked at once."""
    rate = toxic("rate", rate=100)
    alone = proof_needs_s(rate, {"rate": 100, "toxicity": 1.0})
    assert alone == pytest.approx(2 * 2 * 3 * 0.4 + 0.3)  # fresh and pooled, twice: 3 x 40 KB at 100 KB/s
    assert proof_needs_s(rate, {"rate": 100, "toxicity": 0.5}) == pytest.approx(2 * 2 * 10 * 0.4 + 0.3)
    assert proof_needs_s(toxic("hang"), {"toxicity": 0.1}) == proof_needs_s(toxic("hang"), {"toxicity": 1.0})
