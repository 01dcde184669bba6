"""Hedged requests: when the first provider takes long, a second one is asked too, and whoever answers first is heard.

J. Dean and L. A. Barroso, "The Tail at Scale", Communications of the ACM, 2013. A hedged request may be executed by both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")
Attempt = Coroutine[Any, Any, Result]


class Hedge(Generic[Result]):
    """Runs two attempts against each other. `answered` tells an answer from a failure; `discard` gets one too many."""

    def __init__(
        self, after_s: float, *, answered: Callable[[Result], bool], discard: Callable[[Result], None]
    ) -> None:
        self._after_s = after_s
        self._answered = answered
        self._discard = discard

    async def race(self, first: Attempt[Result], second: Callable[[], Attempt[Result] | None]) -> list[Result]:
        """Return what has ended: failures, and last the answer if there was one.

        `second` is asked once, when `after_s` seconds brought nothing; it may refuse. The loser is cancelled, and has
        ended when this returns.
        """
        running = {asyncio.create_task(first)}
        ended: list[Result] = []
        try:
            done, _ = await asyncio.wait(running, timeout=self._after_s)
            if not done and (hedge := second()) is not None:
                running.add(asyncio.create_task(hedge))
            while running:
                if not done:
                    done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                task = done.pop()
                running.discard(task)
                ended.append(task.result())
                if self._answered(ended[-1]):
                    break
        finally:
            await self._end(running)
        return ended

    async def _end(self, running: set[asyncio.Task[Result]]) -> None:
        for task in running:
            task.cancel()
        for late in await asyncio.gather(*running, return_exceptions=True):
            if not isinstance(late, BaseException):
                self._discard(late)
