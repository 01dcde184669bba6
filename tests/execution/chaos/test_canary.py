"""Canaries tell a fault that bites from one that does not, and a cleared one from one that lingers."""

import pytest

from gatebench.execution.chaos.canary import Address, Canary
from gatebench.faults import FaultDefinition, Parameter, Proof
from gatebench.plan import PlannedFault
from tests.execution.chaos.manners import Server

pytestmark = pytest.mark.usefixtures("patient")


def fault(expect: str, live: str, effect: str = "yes/no", **parameters: float) -> PlannedFault:
    """A planned fault that promises `expect` to fresh and `live` to live connections."""
    definition = FaultDefinition.model_validate(
        {
            "description": "x",
            "layer": "link",
            "mechanism": "toxic.x",
            "live_connections": live,
            "attempts_visible": True,
            "effect": effect,
            "proof": Proof(expect=expect, parameter=next(iter(parameters), "")).model_dump(),
            "parameters": {key: Parameter(default=value).model_dump() for key, value in parameters.items()},
        }
    )
    return PlannedFault(
        id="f1",
        name="x",
        on="front",
        phase="fault",
        start_ns=0,
        end_ns=1,
        parameters=dict(parameters),
        definition=definition,
    )


def canary(server: Server, planned: PlannedFault) -> Canary:
    """A canary of `planned` at `server`."""
    return Canary(planned, Address("127.0.0.1", server.port, "/v1/models"), "0123abcd")


def comes_near(watch: Canary) -> bool:
    """Whether one of three rounds measures what was set, as the injector asks: a busy machine adds to any of them."""
    return any(0.9 < (watch.fidelity(watch.during()) or 0) < 1.5 for _ in range(3))


@pytest.mark.parametrize(
    ("manner", "expect", "live"), [("eof", "eof", "FIN"), ("reset", "reset", "RST"), ("hang", "hang", "hang")]
)
def test_a_fault_that_bites_is_proven_and_its_end_too(server: Server, manner: str, expect: str, live: str) -> None:
    """Before all answer; during all meet what the fault promises, pooled and fresh; after all answer again."""
    watch = canary(server, fault(expect, live))
    assert {probe.met for probe in watch.before()} == {"answer"}
    server.manner = manner
    during = watch.during()
    assert {probe.pooled for probe in during} == {True, False}
    assert watch.bites(during)
    assert not watch.is_gone(watch.after())
    server.manner = "answer"
    assert watch.is_gone(watch.after())


def test_a_refused_connection_is_told_from_a_dropped_one(server: Server) -> None:
    """A link that is down refuses fresh connections and has closed the pooled ones."""
    watch = canary(server, fault("refused", "FIN"))
    watch.before()
    server.close()
    during = watch.during()
    assert {(probe.pooled, probe.met) for probe in during} <= {(True, "eof"), (True, "reset"), (False, "refused")}
    assert {probe.met for probe in during if not probe.pooled} == {"refused"}


@pytest.mark.parametrize("expect", ["eof", "reset", "hang", "refused"])
def test_a_fault_that_does_nothing_is_not_proven(server: Server, expect: str) -> None:
    """The server goes on answering: no yes/no fault bites."""
    watch = canary(server, fault(expect, "FIN"))
    watch.before()
    assert not watch.bites(watch.during())


def test_the_wrong_failure_is_no_proof(server: Server) -> None:
    """A fault that promised an EOF and met a hang did something else."""
    watch = canary(server, fault("eof", "FIN"))
    watch.before()
    server.manner = "hang"
    assert not watch.bites(watch.during())


@pytest.mark.parametrize(("manner", "bites"), [("eof", True), ("reset", True), ("hang", False), ("answer", False)])
def test_a_process_that_died_may_reset(server: Server, manner: str, bites: bool) -> None:
    """What was asked faster than the connection ended is reset; a hang or an answer is no sign of death. Of a link an EOF is one."""
    of_link = fault("eof", "FIN")
    definition = of_link.definition.model_copy(update={"layer": "process"})
    watch, strict = canary(server, of_link.model_copy(update={"definition": definition})), canary(server, of_link)
    for one in (watch, strict):
        one.before()
    server.manner = manner
    assert watch.bites(watch.during()) == bites
    assert strict.bites(strict.during()) == (manner == "eof")


def test_one_canary_that_disagrees_is_no_proof(server: Server) -> None:
    """Unanimity: fresh connections meet the fault, pooled ones do not."""
    watch = canary(server, fault("eof", "untouched"))
    watch.before()
    server.manner = "eof"
    during = watch.during()
    server.manner = "answer"
    assert watch.bites(during)
    assert not watch.bites([*during, *watch.after()])


def test_a_delay_is_measured_against_its_setting(server: Server) -> None:
    """A delay of 500 ms that was configured as 500 has a fidelity near 1; configured as 5000 it bites too little."""
    right, wrong = canary(server, fault("delay", "untouched", "ratio", latency=500)), None
    right.before()
    wrong = canary(server, fault("delay", "untouched", "ratio", latency=5000))
    wrong.before()
    server.manner = 0.5
    assert comes_near(right)
    assert not wrong.bites(wrong.during())
    server.manner = "answer"
    assert any(right.is_gone(right.after()) for _ in range(3))


def test_answers_that_are_no_answers_are_named(server: Server) -> None:
    """An empty list of probes proves nothing."""
    watch = canary(server, fault("eof", "FIN"))
    assert not watch.bites([])
    assert not watch.is_gone([])
