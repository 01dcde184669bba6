"""A stream that breaks off is asked for again in its middle, and the client gets its tokens from the beginning once more."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any


def spoil() -> None:
    """The rest of a stream is, when it dies, a whole new one."""
    import aiohttp
    from aiohttp import ClientSession

    from targets.reference.refgate.answer import Failure, Outgoing, Stream, Whole
    from targets.reference.refgate.upstream import Upstream

    app: Any = import_module("targets.reference.refgate.app")
    attempt = app.attempt

    class AskedAgain:
        def __init__(self, upstream: Upstream, session: ClientSession, url: str, outgoing: Outgoing) -> None:
            self._upstream, self._again = upstream, (session, url, outgoing)
            self._once = False

        async def read(self) -> bytes:
            try:
                return await self._upstream.read()
            except aiohttp.ClientError:
                if self._once:
                    raise
            self._once = True
            self._upstream.release()
            fresh = await attempt(*self._again, 1.0)
            if not isinstance(fresh, Stream):
                raise aiohttp.ClientPayloadError("it did not begin again either")
            self._upstream = fresh.upstream
            return fresh.first

        def release(self) -> None:
            self._upstream.release()

    async def again(session: ClientSession, url: str, outgoing: Outgoing, limit_s: float) -> Whole | Stream | Failure:
        result: Whole | Stream | Failure = await attempt(session, url, outgoing, limit_s)
        if isinstance(result, Stream):
            return replace(result, upstream=AskedAgain(result.upstream, session, url, outgoing))
        return result

    app.attempt = again
