"""What two gateways share that do not cut a stream which broke off: they say something of their own instead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

from aiohttp import web


def instead(
    relay: ModuleType, stream: ModuleType, says: Callable[[web.Request, web.StreamResponse, bytes], Awaitable[None]]
) -> None:
    """Have broken streams end with what `says` writes."""
    pass_on = stream.pass_on

    async def telling(*rest: Any, **options: Any) -> Any:
        return await pass_on(*rest, **{**options, "tells": True})

    relay.pass_on = telling  # type: ignore[attr-defined]
    stream._say_so = says  # type: ignore[attr-defined]
