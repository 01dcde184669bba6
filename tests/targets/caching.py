"""What the tests of the reference gateway's caches share: a stage with clocks that stand still, and providers that differ."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from multidict import CIMultiDict

from targets.reference.refgate.answer import Answer, Whole
from targets.reference.refgate.call import Call
from targets.reference.refgate.errors import make_error
from targets.reference.refgate.metrics import Metrics
from targets.reference.refgate.settings.cache import CacheConfig
from targets.reference.refgate.shared import Shared
from targets.reference.refgate.stage import Stage
from targets.reference.refgate.stages.cache import cache
from tests.targets.calling import Clock, Last, make_call


def cached(clock: Clock, **settings: Any) -> Stage:
    """Return the stage of `settings`."""
    stage = cache(CacheConfig(**{"kind": "exact", **settings}), Shared((), Metrics()), clock)
    assert stage is not None
    return stage


def ask_for(prompt: str, tenant: str = "tenant-1", **fields: Any) -> Call:
    """Return a chat request."""
    body = {"model": "m", "messages": [{"role": "user", "content": prompt}], **fields}
    return make_call(tenant, body=json.dumps(body).encode())


def numbered(**headers: str) -> Callable[[], Answer]:
    """Return a provider whose answers are numbered from 1."""
    numbers = itertools.count(1)
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: Whole(200, CIMultiDict({"Content-Type": "application/json", **fields}), b"%d" % next(numbers))


def down() -> Answer:
    """Say what the gateway says when no provider answers."""
    return make_error(502, "provider_failed", "No provider answered.", outcome="failed")


class SlowLast(Last):
    """A last stage that answers when it is told to."""

    def __init__(self, answer: Callable[[], Answer]) -> None:
        super().__init__(answer)
        self.go = asyncio.Event()

    async def __call__(self, call: Call) -> Answer:
        self.calls.append(call)
        await self.go.wait()
        return self.answer()


async def settle() -> None:
    """Let everybody run as far as they get."""
    for _ in range(20):
        await asyncio.sleep(0)


def said(answer: Answer) -> tuple[str, str]:
    """Return what an answer says and what the cache claims: ("1", "MISS")."""
    if isinstance(answer, Whole):
        return answer.body.decode(), answer.headers.get("X-Cache", "")
    return str(answer.status), answer.headers.get("X-Cache", "")


def say(stage: Stage, last: Last, calls: Sequence[Call]) -> list[tuple[str, str]]:
    """Return what is said to each of `calls`, one after the other."""

    async def run() -> list[tuple[str, str]]:
        return [said(await stage(call, last)) for call in calls]

    return asyncio.run(run())


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test that needs a loop."""
    asyncio.run(test())
