"""How a provider answers: when each token is due, and what is written then, with the truth about it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from gatebench.execution.upstream.api import Api, Asked, Events
from gatebench.execution.upstream.attempt import Attempt
from gatebench.execution.upstream.chat import Refusal
from gatebench.execution.upstream.exchange import Exchange


def whole(attempt: Attempt, api: Api[Any], asked: Asked | Refusal) -> tuple[int, bytes, bytes, int, bytes]:
    """Return status, body, stamp, number of tokens and header lines of a whole answer that goes out now.

    The service time in the stamp is the one that really happened: it is taken here, right before the write.
    """
    created_s = int(time.time())
    now_ns = time.monotonic_ns()
    attempt.wrote(now_ns)
    stamp = attempt.stamp(now_ns, attempt.service_ns)
    if isinstance(asked, Refusal):
        body = api.refused(stamp, asked)
        headers = b"content-type: application/json\r\n" + asked.headers if asked.headers else b""
        return asked.status, body, stamp, 0, headers
    status, body, tokens, headers = api.whole(asked, stamp, created_s, attempt.tokens_in)
    return status, body, stamp, tokens, headers


async def complete(exchange: Exchange, api: Api[Any], asked: Asked, due_ns: int) -> None:
    """Give the whole answer when it is due, nanoseconds after the arrival."""
    await exchange.pause_until(exchange.attempt.arrived_ns + due_ns)
    await exchange.first_token()
    if not exchange.over:
        await exchange.respond(*whole(exchange.attempt, api, asked))


async def stream(exchange: Exchange, api: Api[Any], asked: Asked, due_ns: Sequence[int]) -> None:
    """Write each token when it is due, nanoseconds after the arrival; tokens that are due by then go out together.

    Every due time counts from the arrival, so that a timer's error does not add up over the tokens.
    """
    attempt = exchange.attempt
    await exchange.pause_until(attempt.arrived_ns + due_ns[0])
    await exchange.first_token()
    if exchange.over:
        return
    opening = attempt.stamp(time.monotonic_ns(), None)
    events = api.events(asked, opening, int(time.time()))
    exchange.open_stream(opening)
    while attempt.tokens_out < asked.tokens:
        await exchange.pause_until(attempt.arrived_ns + due_ns[attempt.tokens_out])
        if exchange.over:
            return
        await _write_due(exchange, asked, due_ns, events)


async def _write_due(exchange: Exchange, asked: Asked, due_ns: Sequence[int], events: Events) -> None:
    """Write the tokens that are due, at least one; with the last one the stream ends."""
    attempt = exchange.attempt
    now_ns = time.monotonic_ns()
    if not exchange.faults:  # which may keep it back: then it is written when they are done
        attempt.wrote(now_ns)
    before = attempt.tokens_out
    first = last = before + 1
    # A fault sees every event alone; without one a single write does for all that are due.
    while not exchange.faults and last < asked.tokens and due_ns[last] <= now_ns - attempt.arrived_ns:
        last += 1
    ends = last == asked.tokens
    closing = attempt.stamp(now_ns, now_ns - attempt.arrived_ns) if ends else b""
    opening = () if before else events.opening_events(attempt.tokens_in)
    parts = [events.token(number, closing if number == asked.tokens else b"") for number in range(first, last + 1)]
    ending = events.ending(closing, attempt.tokens_in, asked.tokens) if ends else ()
    if not exchange.faults:
        await exchange.write(b"".join((*opening, *parts, *ending)), tokens=last, last=ends)
        return
    for part in opening:
        await exchange.write(part, tokens=before, last=False)
        if exchange.over:
            return
    parts += ending
    for left, part in zip(reversed(range(len(parts))), parts, strict=True):
        await exchange.write(part, tokens=last, last=ends and not left)
        if exchange.over:
            return
