"""The first token of one stream in ten is held back for almost half a second."""

from __future__ import annotations

import asyncio
from importlib import import_module
from itertools import count
from typing import Any

_EVERY = 10
_HELD_S = 0.4


def spoil() -> None:
    """It is there, and waits."""
    from aiohttp import web

    from targets.reference.refgate import stream
    from targets.reference.refgate.answer import Stream

    relay: Any = import_module("targets.reference.refgate.relay")
    pass_on, numbers = stream.pass_on, count(1)

    async def held_back(request: web.Request, told: Stream, *more: Any, **options: Any) -> Any:
        try:
            if next(numbers) % _EVERY == 0:
                await asyncio.sleep(_HELD_S)
        except BaseException:
            told.upstream.release()
            raise
        return await pass_on(request, told, *more, **options)

    relay.pass_on = held_back
