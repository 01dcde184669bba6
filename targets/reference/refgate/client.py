"""The HTTP client that all attempts share: it sends what it is told, once, and does nothing else."""

from __future__ import annotations

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession, ClientTimeout


class _NeverSentAgain(aiohttp.ClientConnectionError):
    """A connection broke before an answer; of a type that aiohttp's own retry of idempotent methods does not catch."""


async def send_once(request: ClientRequest, send: ClientHandlerType) -> ClientResponse:
    """Keep aiohttp from sending a GET again when a kept connection turns out stale: attempts are ours to count.

    A client middleware. POST needs no such care: aiohttp repeats idempotent methods only.
    """
    try:
        return await send(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _NeverSentAgain(str(error)) from error


def open_session(connect_s: float) -> ClientSession:
    """Return the client: as many kept connections as needed, no cookies, no decompression, no fields of its own."""
    return ClientSession(
        # Shorter than the five seconds after which uvicorn, for one, closes idle connections: whoever closes first
        # never meets a request that is already on its way.
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=4.0, use_dns_cache=False),
        timeout=ClientTimeout(total=None, sock_connect=connect_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        middlewares=(send_once,),
    )
