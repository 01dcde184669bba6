"""A stage sees a call on its way to the providers and the answer on its way back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from .answer import Answer
from .call import Call

Next = Callable[[Call], Awaitable[Answer]]
Stage = Callable[[Call, Next], Awaitable[Answer]]


def compose(stages: Sequence[Stage], last: Next) -> Next:
    """Return the pipeline: each stage decides whether the ones behind it are asked, the first one first."""
    pipeline = last
    for stage in reversed(stages):
        pipeline = _before(stage, pipeline)
    return pipeline


def _before(stage: Stage, rest: Next) -> Next:
    async def passed(call: Call) -> Answer:
        return await stage(call, rest)

    return passed
