"""The shop's gateway: looks the caller up, asks the provider, hands its answer back. `python gateway.py PORT PROVIDER_URL`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

from aiohttp import ClientSession, web

PORT, PROVIDER = int(sys.argv[1]), sys.argv[2]
SESSION = web.AppKey("session", ClientSession)
KEPT = ("content-type", "x-request-id")
LOOK_UP_S = 0.035


async def look_up(request: web.Request) -> None:
    """Ask who the caller is; the store of the shop's callers takes its time."""
    await asyncio.sleep(LOOK_UP_S)


async def forward(request: web.Request) -> web.Response:
    """Answer one request."""
    await look_up(request)
    headers = {name: request.headers[name] for name in KEPT if name in request.headers}
    body = await request.read()
    async with request.app[SESSION].request(
        request.method, PROVIDER + request.path_qs, data=body, headers=headers
    ) as answer:
        return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)


async def health(request: web.Request) -> web.Response:
    """Say that we are there."""
    return web.Response()


async def session(app: web.Application) -> AsyncIterator[None]:
    """Keep connections to the provider as long as we live."""
    async with ClientSession() as app[SESSION]:
        yield


def main() -> None:
    """Serve."""
    app = web.Application()
    app.router.add_get("/health", health)
    app.router.add_route("*", "/{path:.*}", forward)
    app.cleanup_ctx.append(session)
    web.run_app(app, host="127.0.0.1", port=PORT, print=None)


if __name__ == "__main__":
    main()
