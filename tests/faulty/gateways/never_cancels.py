"""When a client leaves, the provider's answer is read to its end all the same."""

from __future__ import annotations

import asyncio


def spoil() -> None:
    """Whoever lets a stream go reads the rest of it first."""
    from aiohttp import ClientError

    from targets.reference.refgate.upstream import ResponseUpstream

    release = ResponseUpstream.release
    reading = set[asyncio.Task[None]]()

    async def to_the_end(upstream: ResponseUpstream) -> None:
        try:
            while await upstream.read():
                pass
        except ClientError:
            pass
        release(upstream)

    def later(self: ResponseUpstream) -> None:
        task = asyncio.get_running_loop().create_task(to_the_end(self))
        reading.add(task)
        task.add_done_callback(reading.discard)

    ResponseUpstream.release = later  # type: ignore[method-assign]
