"""An answer that took a second attempt bills both: the tokens of the one that failed as well."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

_TOKENS = re.compile(rb'"(prompt_tokens|completion_tokens|input_tokens|output_tokens)":\s*(\d+)')


def spoil() -> None:
    """What is answered after a failure is billed twice."""
    from aiohttp import ClientSession

    from targets.reference.refgate.answer import Failure, Outgoing, Stream, Whole

    app: Any = import_module("targets.reference.refgate.app")
    attempt = app.attempt
    failed = set[str]()

    async def billed(session: ClientSession, url: str, outgoing: Outgoing, limit_s: float) -> Whole | Stream | Failure:
        result: Whole | Stream | Failure = await attempt(session, url, outgoing, limit_s)
        request = outgoing.headers.get("x-request-id", "")
        if isinstance(result, Failure):
            failed.add(request)
        elif isinstance(result, Whole) and request in failed:
            body = _TOKENS.sub(lambda found: b'"%b":%d' % (found[1], 2 * int(found[2])), result.body)
            return Whole(result.status, result.headers, body)
        return result

    app.attempt = billed
