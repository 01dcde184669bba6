"""Idempotency: a request that comes again is not executed again, it gets the answer of the first time.

As in https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/ and Stripe's API: the same key with
another body is refused (422), a duplicate of what is being executed has a conflict (409) or waits.
"""

from __future__ import annotations

import hashlib

from ..answer import Answer, Stream, Whole
from ..cache.key import cache_key, canonical
from ..cache.scope import scope_of
from ..call import Call
from ..errors import make_error
from ..idempotency.records import Record, Records
from ..settings.idempotency import IdempotencyConfig
from ..shared import Shared
from ..stage import Next, Stage

_SAFE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
_LONGEST_KEY = 255
_RETRY_AFTER_S = 1.0


def idempotency(config: IdempotencyConfig, shared: Shared) -> Stage | None:
    """Return the stage that `config` asks for."""
    if not config.on and not config.dedup_window_s:
        return None
    keyed = Records(config.ttl_s, shared.clock) if config.on else None
    alike = Records(config.dedup_window_s, shared.clock) if config.dedup_window_s else None
    return Idempotency(keyed, alike, waits=config.concurrent == "wait")


class Idempotency:
    """Remembers executions by the client's key (`keyed`) and by what was asked (`alike`); None is off."""

    def __init__(self, keyed: Records | None, alike: Records | None, *, waits: bool) -> None:
        self._keyed = keyed
        self._alike = alike
        self._waits = waits

    async def __call__(self, call: Call, next: Next) -> Answer:
        """Execute the call, or answer it as its first time was answered."""
        if call.method in _SAFE:
            return await next(call)
        key = call.headers.get("Idempotency-Key", "") if self._keyed is not None else ""
        if len(key) > _LONGEST_KEY:
            return make_error(400, "invalid_idempotency_key", f"The key is longer than {_LONGEST_KEY} characters.")
        scope = scope_of(call, shared=False)
        if self._keyed is not None and key:
            name = cache_key("key", key, b"", scope)
            return await self._once(self._keyed, name, _print(call), call, next, waits=self._waits)
        if self._alike is not None:
            name = cache_key(call.method, call.path, call.body, scope)
            return await self._once(self._alike, name, b"", call, next, waits=True)
        return await next(call)

    async def _once(self, records: Records, name: str, print_: bytes, call: Call, next: Next, *, waits: bool) -> Answer:
        while (record := records.find(name)) is not None:
            if record.print != print_:
                message = "This idempotency key was used for another request. Use a new key."
                return make_error(422, "idempotency_key_reused", message)
            if record.answer is not None:
                return _replayed(record.answer)
            if not waits:
                message = "A request with this idempotency key is being executed. Come back for its answer."
                return make_error(409, "idempotency_conflict", message, retry_after_s=_RETRY_AFTER_S)
            await record.settled
        return await _execute(records, name, records.begin(name, print_), call, next)


async def _execute(records: Records, name: str, record: Record, call: Call, next: Next) -> Answer:
    """Execute the call; what it is answered with is kept, unless it failed or its client left."""
    answer: Answer | None = None
    try:
        answer = await next(call)
    finally:
        if not isinstance(answer, Stream):
            records.settle(name, record, _kept(answer))
    if isinstance(answer, Stream):
        _keep_stream(records, name, record, call, answer)
    return answer


def _keep_stream(records: Records, name: str, record: Record, call: Call, stream: Stream) -> None:
    """Keep a stream as the client has it when it has ended well."""
    pieces: list[bytes] = []
    fields = stream.headers.copy()

    def ended(outcome: str) -> None:
        records.settle(name, record, Whole(stream.status, fields, b"".join(pieces)) if outcome == "ok" else None)

    call.taps.append(pieces.append)
    call.endings.append(ended)


def _kept(answer: Answer | None) -> Whole | None:
    """Return what of an answer is kept: a failure, an overload, and an error of our own are no result."""
    if not isinstance(answer, Whole) or answer.status >= 500 or answer.status in (408, 409, 429):
        return None
    return Whole(answer.status, answer.headers.copy(), answer.body)


def _replayed(kept: Whole) -> Answer:
    fields = kept.headers.copy()
    fields["Idempotent-Replayed"] = "true"
    return Whole(kept.status, fields, kept.body)


def _print(call: Call) -> bytes:
    """Return what tells two requests under one key apart: method, path and canonical body."""
    text = b"\n".join((call.method.encode(), call.path.encode(), canonical(call.body)))
    return hashlib.blake2b(text, digest_size=20).digest()
