"""A 400 is taken for a failure of the provider, and the request is sent again."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def spoil() -> None:
    """What the provider finds wrong with a request is its own fault."""
    from aiohttp import ClientSession

    from targets.reference.refgate.answer import Failure, Outgoing, Stream, Whole

    app: Any = import_module("targets.reference.refgate.app")
    attempt = app.attempt

    async def blames(session: ClientSession, url: str, outgoing: Outgoing, limit_s: float) -> Whole | Stream | Failure:
        result: Whole | Stream | Failure = await attempt(session, url, outgoing, limit_s)
        refused = isinstance(result, Whole) and result.status == 400
        return Failure("status", 400) if refused else result

    app.attempt = blames
