"""Coalescing in the reference gateway: one piece of work for all who want it at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from targets.reference.refgate.flight import Flights


class Work:
    """Work that waits until it is told what to return, one after the other."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self._results: asyncio.Queue[int | Exception] = asyncio.Queue()

    async def __call__(self) -> int:
        self.begun += 1
        try:
            result = await self._results.get()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(result, Exception):
            raise result
        return result

    def returns(self, result: int | Exception) -> None:
        """End the oldest piece of work that is under way."""
        self._results.put_nowait(result)


async def settle() -> None:
    """Let everybody run as far as they get."""
    for _ in range(10):
        await asyncio.sleep(0)


def crowd(
    test: Callable[[Flights[int], Work, list[asyncio.Task[tuple[int, bool]]]], Coroutine[Any, Any, None]],
) -> None:
    """Run `test` with five who want the same; results above zero are good."""

    async def run() -> None:
        flights: Flights[int] = Flights(lambda result: result > 0)
        work = Work()
        waiting = [asyncio.create_task(flights.share("key", work)) for _ in range(5)]
        await settle()
        assert work.begun == 1
        await test(flights, work, waiting)
        await settle()
        assert len(flights) == 0

    asyncio.run(run())


def test_one_works_for_all() -> None:
    """Five want it, it is done once, and one of them is told that it was theirs."""

    async def test(flights: Flights[int], work: Work, waiting: list[asyncio.Task[tuple[int, bool]]]) -> None:
        work.returns(7)
        assert sorted(await asyncio.gather(*waiting)) == [(7, False)] * 4 + [(7, True)]
        assert work.begun == 1

    crowd(test)


@pytest.mark.parametrize("failure", [0, RuntimeError("no")])
def test_after_a_failure_one_other_tries_for_the_rest(failure: int | Exception) -> None:
    """The first one has its failure at once, the other four share one more try."""

    async def test(flights: Flights[int], work: Work, waiting: list[asyncio.Task[tuple[int, bool]]]) -> None:
        work.returns(failure)
        await settle()
        assert [task.done() for task in waiting] == [True, False, False, False, False]
        assert work.begun == 2
        work.returns(7)
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert results[1:] == [(7, True), (7, False), (7, False), (7, False)]
        assert results[0] == (failure, True) or results[0] is failure

    crowd(test)


def test_two_failures_are_enough() -> None:
    """Everybody has the failure after two tries, not after five."""

    async def test(flights: Flights[int], work: Work, waiting: list[asyncio.Task[tuple[int, bool]]]) -> None:
        work.returns(0)
        work.returns(0)
        assert [result for result, _ in await asyncio.gather(*waiting)] == [0] * 5
        assert work.begun == 2

    crowd(test)


def test_one_that_leaves_takes_nothing_from_the_others() -> None:
    """The one that began it leaves, and the work goes on for the rest."""

    async def test(flights: Flights[int], work: Work, waiting: list[asyncio.Task[tuple[int, bool]]]) -> None:
        waiting[0].cancel()
        await settle()
        work.returns(7)
        assert await asyncio.gather(*waiting[1:]) == [(7, False)] * 4
        assert (work.begun, work.cancelled) == (1, 0)

    crowd(test)


def test_work_for_nobody_is_cancelled() -> None:
    """When the last one has left nobody pays for the answer, and who comes then begins anew."""

    async def test(flights: Flights[int], work: Work, waiting: list[asyncio.Task[tuple[int, bool]]]) -> None:
        for task in waiting:
            task.cancel()
        await settle()
        assert work.cancelled == 1
        late = asyncio.create_task(flights.share("key", work))
        await settle()
        work.returns(8)
        assert await late == (8, True)

    crowd(test)


def test_work_that_was_started_for_nobody_goes_on() -> None:
    """A renewal behind everybody's back is done once and survives those who join and leave."""

    async def run() -> None:
        flights: Flights[int] = Flights(lambda result: result > 0)
        work = Work()
        flights.start("key", work)
        flights.start("key", work)
        joined = asyncio.create_task(flights.share("key", work))
        await settle()
        joined.cancel()
        await settle()
        assert (work.begun, work.cancelled, len(flights)) == (1, 0, 1)
        work.returns(1)
        await settle()
        assert len(flights) == 0

    asyncio.run(run())


def test_different_keys_are_different_work() -> None:
    """What is not the same question is not waited for."""

    async def run() -> None:
        flights: Flights[int] = Flights(lambda result: result > 0)
        work = Work()
        both = [asyncio.create_task(flights.share(key, work)) for key in ("a", "b")]
        await settle()
        assert work.begun == 2
        work.returns(1)
        work.returns(2)
        assert sorted(await asyncio.gather(*both)) == [(1, True), (2, True)]

    asyncio.run(run())
