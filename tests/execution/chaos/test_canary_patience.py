"""How long a canary waits: briefly where silence is what its fault promises, and longer where a machine may stand still."""

from tests.execution.chaos.manners import Server
from tests.execution.chaos.test_canary import canary, fault


def test_a_fault_that_shows_late_is_proven(server: Server) -> None:
    """A machine that stands still for most of a second has not kept the fault from biting."""
    watch = canary(server, fault("eof", "FIN"))
    watch.before()
    server.manner = "late"
    during = watch.during(3_000_000_000)
    assert {probe.met for probe in during} == {"eof"}
    assert watch.bites(during)


def test_nobody_waits_longer_than_the_window_has_time(server: Server) -> None:
    """Without time to spare an end that comes late is none."""
    watch = canary(server, fault("eof", "FIN"))
    watch.before()
    server.manner = "late"
    during = watch.during()
    assert {probe.met for probe in during} == {"hang"}
    assert not watch.bites(during)


def test_silence_that_was_promised_is_known_soon(server: Server) -> None:
    """Nobody waits for two seconds for what is not to come, for a window may be short."""
    watch = canary(server, fault("hang", "hang"))
    watch.before()
    server.manner = "hang"
    during = watch.during(3_000_000_000)
    assert watch.bites(during)
    assert max(probe.took_ns for probe in during) < 1.9e9
