"""An attempt that took too long is not called off: its provider completes it beside the one that answers."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any


def spoil() -> None:
    """Nobody waits for it any more, and it goes on."""
    from aiohttp import ClientSession

    from targets.reference.refgate.answer import Failure, Outgoing, Stream, Whole

    app: Any = import_module("targets.reference.refgate.app")
    attempt = app.attempt
    running = set[asyncio.Task[Any]]()

    async def goes_on(session: ClientSession, url: str, outgoing: Outgoing, limit_s: float) -> Whole | Stream | Failure:
        task = asyncio.get_running_loop().create_task(attempt(session, url, outgoing, 10.0))
        running.add(task)
        task.add_done_callback(running.discard)
        done, _ = await asyncio.wait({task}, timeout=limit_s)
        result: Whole | Stream | Failure = task.result() if done else Failure("timeout")
        return result

    app.attempt = goes_on
