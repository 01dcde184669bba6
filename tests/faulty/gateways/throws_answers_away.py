"""Every tenth whole answer of a provider is thrown away, and its request is asked again."""

from __future__ import annotations

from importlib import import_module
from itertools import count
from typing import Any


def spoil() -> None:
    """The second answer is the one that counts."""
    from aiohttp import ClientSession

    from targets.reference.refgate.answer import Failure, Outgoing, Stream, Whole

    app: Any = import_module("targets.reference.refgate.app")
    attempt, answers = app.attempt, count(1)

    async def again(session: ClientSession, url: str, outgoing: Outgoing, limit_s: float) -> Whole | Stream | Failure:
        result: Whole | Stream | Failure = await attempt(session, url, outgoing, limit_s)
        if isinstance(result, Whole) and next(answers) % 10 == 0:
            result = await attempt(session, url, outgoing, limit_s)
        return result

    app.attempt = again
