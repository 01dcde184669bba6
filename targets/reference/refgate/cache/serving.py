"""The life of one cached question: served, fetched once for many, renewed behind the client's back, or served stale."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal

from ..answer import Answer, Error, Stream, Whole
from ..call import Call
from ..flight import Flights
from .entry import Entry, Standing
from .store import Store

Claim = Literal["HIT", "MISS", "STALE", "REVALIDATED"]
_MOST_LONERS = 10_000


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the providers said, and the entry that others may be served from; None for what is for one client alone."""

    answer: Answer
    entry: Entry | None
    claim: Claim = "MISS"


Fetch = Callable[[Call, Entry | None], Awaitable[Fetched]]
"""Asks the providers with a call, given the entry that is to be renewed, and keeps what may be kept."""


def failed(answer: Answer) -> bool:
    """Tell whether nobody answered: then a stale answer is better than none."""
    return answer.status >= 500


class Serving:
    """Decides by an entry's standing. Every answer says in `X-Cache` what was done.

    HIT and STALE: no attempt was made for it; REVALIDATED: one that said that what is kept is still good; else MISS.

    With `coalescing` concurrent misses of a question share one fetch. Without `serves_fresh` the providers are always
    asked, and what is kept only stands in when they fail.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        *,
        coalescing: bool,
        serves_fresh: bool = True,
        observe: Callable[[Claim], None] = lambda claim: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._coalescing = coalescing
        self._serves_fresh = serves_fresh
        self._observe = observe
        self._flights: Flights[Fetched] = Flights(lambda fetched: fetched.entry is not None)
        self._loners: dict[str, None] = {}

    async def serve(self, key: str, call: Call, fetch: Fetch, *, revalidate: bool = False) -> Answer:
        """Return the answer to `call`, whose question is `key`; with `revalidate` the client wants the origin to be asked."""
        entry = await self._store.get(key)
        standing = entry.standing(self._clock()) if entry is not None else Standing.DEAD
        if entry is not None and self._serves_fresh and not revalidate:
            if standing is Standing.FRESH:
                return self._claimed(entry, "HIT")
            if standing is Standing.REVALIDATE:
                self._flights.start(key, _errand(call, fetch, entry, lambda: False)[1])
                return self._claimed(entry, "STALE")
        fetched, ours = await self._fetched(key, call, fetch, entry)
        if failed(fetched.answer) and entry is not None and self._may_stand_in(entry):
            return self._claimed(entry, "STALE")
        if fetched.entry is not None and not ours:
            return self._claimed(fetched.entry, "HIT")
        self._observe(fetched.claim)
        fetched.answer.headers["X-Cache"] = fetched.claim
        return fetched.answer

    async def _fetched(self, key: str, call: Call, fetch: Fetch, entry: Entry | None) -> tuple[Fetched, bool]:
        """Return what was fetched and whether by us alone; what is for one client is never given to two."""
        if not self._coalescing or key in self._loners:
            return await fetch(call, entry), True
        here = True
        errand, work = _errand(call, fetch, entry, lambda: here)
        try:
            fetched, led = await self._flights.share(key, work)
        except asyncio.CancelledError:
            here = False
            raise
        if led:
            call.served_by = errand.served_by
            call.endings += errand.endings
            call.taps += errand.taps
        if led and fetched.entry is None and not isinstance(fetched.answer, Error):
            self._goes_alone(key)
        if led or fetched.entry is not None:
            return fetched, led
        if isinstance(fetched.answer, Error):
            return Fetched(_copied(fetched.answer), None), False
        return await fetch(call, entry), True

    def _goes_alone(self, key: str) -> None:
        """Remember that the answers to `key` are not for sharing, so that nobody waits for one of them in vain."""
        if len(self._loners) >= _MOST_LONERS:
            del self._loners[next(iter(self._loners))]
        self._loners[key] = None

    def _may_stand_in(self, entry: Entry) -> bool:
        return entry.standing(self._clock()) is not Standing.DEAD

    def _claimed(self, entry: Entry, claim: Claim) -> Whole:
        self._observe(claim)
        return entry.answer(self._clock(), claim)


def _copied(error: Error) -> Error:
    return Error(error.status, error.code, error.message, error.outcome, error.kind, error.headers.copy())


def _errand(
    call: Call, fetch: Fetch, entry: Entry | None, is_wanted: Callable[[], bool]
) -> tuple[Call, Callable[[], Awaitable[Fetched]]]:
    """Return a call like `call` that may outlive it, and the work that fetches with it.

    A stream, which only the one client can take, is let go when that one is not there any more.
    """
    errand = replace(call, endings=[], taps=[])

    async def work() -> Fetched:
        fetched = await fetch(errand, entry)
        if isinstance(fetched.answer, Stream) and not is_wanted():
            fetched.answer.upstream.release()
            errand.ended("cancelled")
        return fetched

    return errand, work
