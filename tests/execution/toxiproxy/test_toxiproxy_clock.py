"""The engine's clocks keep their appointments in order and never early."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from gatebench.execution.toxiproxy.clock import Agenda, KernelClock, LoopClock

Make = Callable[[asyncio.AbstractEventLoop], KernelClock | LoopClock]
both = pytest.mark.parametrize("make", [KernelClock, LoopClock])


def test_agenda_keeps_order_within_a_moment() -> None:
    """Appointments are kept by time, and by the order of entering within one moment; later ones wait."""
    agenda, kept = Agenda(), list[str]()
    for due_ns, name in ((20, "c"), (10, "a"), (10, "b"), (30, "d")):
        agenda.add(due_ns, partial(kept.append, name))
    agenda.run_due(20)
    assert kept == ["a", "b", "c"]
    assert agenda.next_due_ns() == 30


def test_cancelled_appointments_are_not_kept_and_not_hoarded() -> None:
    """A connection that lives long and re-arms its timer a thousand times does not grow the agenda."""
    agenda, kept = Agenda(), []
    for number in range(1000):
        agenda.add(number, lambda: kept.append("cancelled")).cancel()
    agenda.add(5, lambda: kept.append("kept"))
    assert len(agenda) < 200
    agenda.run_due(10_000)
    assert kept == ["kept"]


def test_a_crowd_of_appointments_leaves_room_for_others() -> None:
    """A thousand of one moment are kept over several turns, in order: between them a loop serves whoever else is there."""
    agenda, kept = Agenda(), list[int]()
    for number in range(1000):
        agenda.add(10, partial(kept.append, number))
    turns = 0
    while agenda.next_due_ns() is not None:
        agenda.run_due(10)
        turns += 1
    assert kept == list(range(1000))
    assert turns >= 5


@both
def test_real_clock_is_never_early_and_in_order(make: Make) -> None:
    """Twenty appointments, entered in disorder, are kept in order, none before its moment, also when one enters another."""

    async def scene() -> list[tuple[int, int]]:
        clock = make(asyncio.get_running_loop())
        kept: list[tuple[int, int]] = []
        done = asyncio.Event()
        start_ns = clock.now_ns()

        def keep(due_ns: int) -> None:
            kept.append((due_ns, clock.now_ns()))
            if len(kept) == 10:
                clock.at(due_ns + 1, lambda: keep(due_ns + 1))
            if len(kept) == 21:
                done.set()

        for step in (7, 3, 9, 1, 5, 0, 8, 2, 6, 4, 17, 13, 19, 11, 15, 10, 18, 12, 16, 14):
            due_ns = start_ns + step * 700_000
            clock.at(due_ns, partial(keep, due_ns))
        await asyncio.wait_for(done.wait(), 10)
        clock.close()
        return kept

    kept = asyncio.run(scene())
    assert [due_ns for due_ns, _ in kept] == sorted(due_ns for due_ns, _ in kept)
    assert all(at_ns >= due_ns for due_ns, at_ns in kept)


@both
def test_moments_that_are_over_are_kept_at_once_and_cancelled_ones_never(make: Make) -> None:
    """A moment in the past needs no waiting; an appointment that was called off is silent."""

    async def scene() -> list[str]:
        clock = make(asyncio.get_running_loop())
        kept: list[str] = []
        done = asyncio.Event()
        clock.at(0, lambda: kept.append("past"))
        clock.at(clock.now_ns() + 1_000_000, lambda: kept.append("off")).cancel()
        clock.at(clock.now_ns() + 5_000_000, done.set)
        await asyncio.wait_for(done.wait(), 10)
        clock.close()
        return kept

    assert asyncio.run(scene()) == ["past"]
