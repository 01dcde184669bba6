"""One attempt: a request sent to one provider exactly once, and what came of it."""

from __future__ import annotations

import asyncio

import aiohttp
from aiohttp import ClientResponse, ClientSession
from yarl import URL

from .answer import Failure, Outgoing, Stream, Whole
from .first_token import FirstToken
from .headers import downward, retry_after_s
from .upstream import ResponseUpstream


async def attempt(session: ClientSession, url: str, outgoing: Outgoing, limit_s: float) -> Whole | Stream | Failure:
    """Send `outgoing` to the provider at `url`; return its answer within `limit_s` seconds, or why there is none.

    For a stream the limit covers the time to its first token. One that dies before is a failure like any other: it may
    have been executed, but nobody has seen anything of it.
    """
    response: ClientResponse | None = None
    result: Whole | Stream | Failure | None = None
    pieces: list[bytes] = []
    try:
        async with asyncio.timeout(limit_s):
            response = await session.request(
                outgoing.method,
                URL(url + outgoing.path, encoded=True),
                headers=outgoing.headers,
                data=outgoing.body or None,
                allow_redirects=False,
            )
            result = await _read(response, pieces)
    except (aiohttp.ClientError, TimeoutError) as error:
        result = _failure(error, partial=any(pieces))
    finally:
        if response is not None and not isinstance(result, Stream):
            response.release()
    return result


async def _read(response: ClientResponse, pieces: list[bytes]) -> Whole | Stream | Failure:
    """Return what the provider said; `pieces` gets what has arrived of the body, also when the rest never does."""
    if _is_refusal(response.status):
        return Failure("status", response.status, retry_after_s=retry_after_s(response.headers))
    if response.content_type == "text/event-stream":
        return await _read_first_token(response)
    first = await response.content.readany()
    pieces.append(first)
    headers = downward(response.headers)
    if response.method == "HEAD" and "Content-Length" in response.headers:  # of the body that is not there
        headers["Content-Length"] = response.headers["Content-Length"]
    return Whole(response.status, headers, first + await response.read())


async def _read_first_token(response: ClientResponse) -> Stream | Failure:
    """Return the stream when its first token is here; of one in an encoding that is not ours the first bytes must do."""
    token = FirstToken()
    first = b""
    while data := await response.content.readany():
        first += data
        if "Content-Encoding" in response.headers or token.came(data):
            return Stream(response.status, downward(response.headers), first, ResponseUpstream(response))
    return Failure("dropped")


def _is_refusal(status: int) -> bool:
    """Tell whether a status says "not now" rather than "not like this": 408, 429 and every 5xx."""
    return status in (408, 429) or status >= 500


def _failure(error: Exception, *, partial: bool) -> Failure:
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return Failure("connect")
    if isinstance(error, TimeoutError):
        return Failure("timeout", partial=partial)
    if isinstance(error, aiohttp.ClientResponseError):
        return Failure("malformed")
    return Failure("dropped", partial=partial)
