"""A stream is collected to its end before the client gets its first token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any


def spoil() -> None:
    """All pieces are the first one."""
    import aiohttp
    from aiohttp import web

    from targets.reference.refgate import stream
    from targets.reference.refgate.answer import Stream
    from targets.reference.refgate.upstream import Upstream

    relay: Any = import_module("targets.reference.refgate.relay")
    pass_on = stream.pass_on

    class Ended:
        def __init__(self, upstream: Upstream, broken: bool) -> None:
            self._upstream, self._broken = upstream, broken

        async def read(self) -> bytes:
            if self._broken:
                raise aiohttp.ClientPayloadError("it had broken off")
            return b""

        def release(self) -> None:
            self._upstream.release()

    async def collected(
        request: web.Request, told: Stream, idle_s: float, taps: Sequence[Callable[[bytes], None]] = (), **options: Any
    ) -> Any:
        pieces, broken = [told.first], False
        try:
            while data := await told.upstream.read():
                pieces.append(data)
        except aiohttp.ClientError:
            broken = True
        except BaseException:
            told.upstream.release()
            raise
        whole = replace(told, first=b"".join(pieces), upstream=Ended(told.upstream, broken))
        return await pass_on(request, whole, idle_s, taps, **options)

    relay.pass_on = collected
