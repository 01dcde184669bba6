"""The fifth token of a stream never arrives."""

from __future__ import annotations

import re

_FIFTH = re.compile(rb'data: [^\n]*" w5"[^\n]*\n\n')


def spoil() -> None:
    """Its event is taken out of the bytes."""
    from targets.reference.refgate.upstream import ResponseUpstream

    read = ResponseUpstream.read

    async def without_the_fifth(self: ResponseUpstream) -> bytes:
        while data := await read(self):
            if rest := _FIFTH.sub(b"", data):
                return rest
        return b""

    ResponseUpstream.read = without_the_fifth  # type: ignore[method-assign]
