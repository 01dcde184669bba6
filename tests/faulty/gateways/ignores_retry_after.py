"""A provider that says when to come back is asked again at once."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any


def spoil() -> None:
    """Nobody reads Retry-After."""
    from aiohttp import ClientSession

    from targets.reference.refgate.answer import Failure, Outgoing, Stream, Whole

    app: Any = import_module("targets.reference.refgate.app")
    attempt = app.attempt

    async def unread(session: ClientSession, url: str, outgoing: Outgoing, limit_s: float) -> Whole | Stream | Failure:
        result: Whole | Stream | Failure = await attempt(session, url, outgoing, limit_s)
        return replace(result, retry_after_s=0.0) if isinstance(result, Failure) else result

    app.attempt = unread
