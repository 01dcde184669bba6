"""Waiting: alarms, deadlines and launches."""

from __future__ import annotations

import socket
import time

import gevent
import pytest
from gevent import getcurrent

from gatebench.execution.load.alarm import Alarm
from gatebench.execution.load.crew import Crew
from gatebench.execution.load.flight import Flight
from gatebench.execution.load.turns import Turns
from gatebench.traffic import Request

MS = 1_000_000
NOTHING = Request("GET", "/", b"", 0, 0, False, 0)


def make_flight(number: int) -> Flight:
    """Return a flight of nothing."""
    return Flight(number, 0, 0, due_ns=0, request=NOTHING, wire=b"")


@pytest.mark.parametrize("ahead_ms", [-1000, 0, 1, 20])
def test_an_alarm_never_wakes_early(ahead_ms: int) -> None:
    """The sleeper runs at its time or after it; others run meanwhile."""
    alarm = Alarm(Turns())
    others: list[int] = []
    gevent.spawn(others.append, 1)
    for _ in range(5):
        at_ns = time.monotonic_ns() + ahead_ms * MS
        alarm.wait_until(at_ns)
        assert time.monotonic_ns() >= at_ns
    assert others == [1]
    alarm.close()


def test_an_alarm_can_be_rung_and_set_again() -> None:
    """A ring wakes the sleeper at once; the time that was set does not wake it again later."""
    alarm = Alarm(Turns())
    alarm.ring()  # nobody sleeps: harmless
    gevent.sleep(0)
    began_ns = time.monotonic_ns()
    gevent.spawn(alarm.ring)
    alarm.wait_until(began_ns + 60_000 * MS)
    assert time.monotonic_ns() < began_ns + 30_000 * MS
    at_ns = time.monotonic_ns() + 20 * MS
    alarm.wait_until(at_ns)
    assert time.monotonic_ns() >= at_ns
    alarm.close()


def test_an_event_that_is_none_wakes_nobody() -> None:
    """An event loop may report a descriptor as readable that is not; nothing is sent early for that."""
    alarm = Alarm(Turns())
    at_ns = time.monotonic_ns() + 20 * MS
    gevent.spawn(alarm._expire)
    alarm.wait_until(at_ns)
    assert time.monotonic_ns() >= at_ns
    alarm.close()


def test_until_tells_an_event_from_the_time() -> None:
    """`until` is True for the event and False for the time, and the time is never early."""
    turns = Turns()
    ours, theirs = socket.socketpair()
    me = getcurrent()
    watcher = turns.watch(ours.fileno(), 1, lambda: me.switch(True))
    at_ns = time.monotonic_ns() + 15 * MS
    assert turns.until(at_ns) is False
    assert time.monotonic_ns() >= at_ns
    theirs.send(b"x")
    assert turns.until(time.monotonic_ns() + 60_000 * MS) is True
    assert turns.until(time.monotonic_ns() - 1) is False
    watcher.close()
    ours.close()
    theirs.close()


def test_a_launch_runs_to_its_first_wait_and_comes_back() -> None:
    """The launcher goes on as soon as the carrier waits, before the event loop turns; greenlets are kept and used again."""
    turns = Turns()
    story: list[str] = []
    carriers: set[int] = set()

    def carry(flight: Flight) -> None:
        carriers.add(id(getcurrent()))
        story.append(f"sends {flight.arrival_id}")
        turns.pause()
        story.append(f"ends {flight.arrival_id}")

    crew = Crew(2, turns, carry)
    gevent.spawn(story.append, "loop")
    for number in (1, 2):
        assert not crew.full()
        crew.launch(make_flight(number))
        story.append(f"launched {number}")
    assert crew.full()
    while crew.busy:
        gevent.sleep(0.001)
    assert story == ["sends 1", "launched 1", "sends 2", "launched 2", "loop", "ends 1", "ends 2"]
    crew.launch(make_flight(3))
    while crew.busy:
        gevent.sleep(0.001)
    assert len(carriers) == 2


def test_a_carrier_that_never_waits_comes_back_too() -> None:
    """A request that ends at once (a refused connect) does not strand its launcher."""
    turns = Turns()
    crew = Crew(1, turns, lambda flight: None)
    for number in range(3):
        crew.launch(make_flight(number))
        assert crew.busy == 0


def test_a_defect_is_kept_and_costs_no_place() -> None:
    """An exception in a carrier is a defect of the generator: the first is kept, and the place is free again."""
    turns = Turns()

    def carry(flight: Flight) -> None:
        raise RuntimeError(f"defect {flight.arrival_id}")

    crew = Crew(1, turns, carry)
    for number in (1, 2):
        crew.launch(make_flight(number))
    assert repr(crew.defect) == "RuntimeError('defect 1')"
    assert not crew.full()
