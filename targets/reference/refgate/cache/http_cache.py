"""A shared HTTP cache for GET and HEAD, as RFC 9111 has it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace

from multidict import CIMultiDict

from ..answer import Answer, Whole
from ..call import Call
from ..errors import make_error
from ..stage import Next
from .conditional import CONDITIONS, not_modified, unchanged
from .directives import directives, seconds
from .entry import Entry, Lifetime, Standing
from .http_rules import keepable, lifetime, spent_s, validators, varies
from .key import cache_key
from .scope import scope_of
from .serving import Fetch, Fetched, Serving
from .store import Store

_PASSED_ON = ("Range", "If-Range", "If-Match", "If-Unmodified-Since")
_SAFE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
_SIGNPOST = 0


class HttpCache:
    """A stage. Where an answer varies, a signpost under the URL's key names the fields; the variants' keys hang on it."""

    def __init__(
        self, serving: Serving, store: Store, defaults: Lifetime, clock: Callable[[], float], *, shared_scope: bool
    ) -> None:
        self._serving = serving
        self._store = store
        self._defaults = defaults
        self._clock = clock
        self._shared_scope = shared_scope

    async def __call__(self, call: Call, next: Next) -> Answer:
        """Answer from what is kept, or ask and keep what the origin allows to keep."""
        url_key = cache_key("GET", call.path, b"", scope_of(call, shared=self._shared_scope))
        if call.method not in _SAFE:
            answer = await next(call)
            if answer.status < 400 and call.path.startswith("/rest/"):  # the resource has changed (section 4.4)
                await self._store.drop(url_key)
            return answer
        if call.method not in ("GET", "HEAD") or any(name in call.headers for name in _PASSED_ON):
            return await next(call)
        key = await self._variant(url_key, call.headers)
        if call.method == "HEAD":
            return await self._head(call, next, key)
        return await self._get(call, next, url_key, key)

    async def _get(self, call: Call, next: Next, url_key: str, key: str) -> Answer:
        wanted = call.headers
        wishes = directives(wanted.getall("Cache-Control", wanted.getall("Pragma", ())))
        if "no-store" in wishes:
            return await next(call)
        if "only-if-cached" in wishes and not self._is_fresh(await self._store.get(key)):
            return make_error(504, "not_cached", "It is not in the cache, and nobody else was to be asked.")
        again = await self._must_ask(wishes, key)
        answer = await self._serving.serve(key, call, self._fetch(wanted, next, url_key), revalidate=again)
        if isinstance(answer, Whole) and answer.headers.get("X-Cache") == "HIT":
            # Whoever shared an answer that turned out to vary may have got somebody else's variant.
            right = await self._variant(url_key, wanted)
            if right != key:
                answer = await self._serving.serve(right, call, self._fetch(wanted, next, url_key), revalidate=again)
        if isinstance(answer, Whole) and unchanged(answer, wanted):
            return not_modified(answer)
        return answer

    async def _head(self, call: Call, next: Next, key: str) -> Answer:
        """Answer a HEAD from the GET that is kept; what a HEAD brings is not kept."""
        entry = await self._store.get(key)
        if entry is None or not self._is_fresh(entry):
            return await next(call)
        answer = entry.answer(self._clock(), "HIT")
        if unchanged(answer, call.headers):
            return not_modified(answer)
        answer.headers["Content-Length"] = str(len(answer.body))
        return Whole(answer.status, answer.headers, b"")

    def _fetch(self, wanted: CIMultiDict[str], next: Next, url_key: str) -> Fetch:
        """Return what asks the origin: with its own validators instead of the client's, for the answer may serve others."""

        async def fetch(errand: Call, stale: Entry | None) -> Fetched:
            headers = wanted.copy()
            for name in CONDITIONS:
                headers.popall(name, None)
            if stale is not None:
                headers.update(validators(CIMultiDict(stale.headers)))
            asked_at_s = self._clock()
            errand.outgoing = replace(errand.outgoing, headers=headers)
            answer = await next(errand)
            if not isinstance(answer, Whole):
                return Fetched(answer, None)
            if answer.status == 304 and stale is not None:
                return await self._renew(stale, answer, wanted, url_key, asked_at_s)
            return await self._keep(answer, wanted, url_key, asked_at_s)

        return fetch

    async def _keep(self, answer: Whole, wanted: CIMultiDict[str], url_key: str, asked_at_s: float) -> Fetched:
        """Keep an answer if that is allowed; its age counts from when it was asked for (section 4.2.3)."""
        life = lifetime(answer, self._defaults, self._clock())
        if not keepable(answer, wanted) or life.kept_s <= 0:
            if answer.status < 400:
                await self._store.drop(await self._variant(url_key, wanted))
            return Fetched(answer, None)
        entry = Entry.of(answer, asked_at_s - spent_s(answer.headers), life)
        await self._put(url_key, wanted, entry)
        return Fetched(answer, entry if life.fresh_s > 0 else None)

    async def _renew(
        self, stale: Entry, confirmed: Whole, wanted: CIMultiDict[str], url_key: str, asked_at_s: float
    ) -> Fetched:
        """Keep an answer that its origin confirmed for another lifetime."""
        fields = confirmed.headers.copy()
        fields.popall("Content-Length", None)
        entry = stale.renewed(asked_at_s, stale.lifetime, fields)
        whole = Whole(entry.status, CIMultiDict(entry.headers), entry.body)
        life = lifetime(whole, self._defaults, self._clock())
        entry = replace(entry, lifetime=life)
        await self._put(url_key, wanted, entry)
        return Fetched(whole, entry if life.fresh_s > 0 else None, "REVALIDATED")

    async def _put(self, url_key: str, wanted: CIMultiDict[str], entry: Entry) -> None:
        names = varies(CIMultiDict(entry.headers))
        if not names:
            await self._store.put(url_key, entry)
            return
        signpost = await self._store.get(url_key)
        if signpost is None or signpost.status != _SIGNPOST or signpost.headers[0][0] != ",".join(names):
            token = f"{random.getrandbits(64):016x}"
            signpost = Entry(_SIGNPOST, ((",".join(names), token),), b"", entry.made_at_s, entry.lifetime)
        # It stands as long as the variant that came last.
        signpost = replace(signpost, made_at_s=entry.made_at_s, lifetime=entry.lifetime)
        await self._store.put(url_key, signpost)
        await self._store.put(_variant_key(url_key, signpost, wanted), entry)

    async def _variant(self, url_key: str, wanted: CIMultiDict[str]) -> str:
        """Return the key under which the answer to a request with the fields `wanted` is kept, if it is."""
        found = await self._store.get(url_key)
        return url_key if found is None or found.status != _SIGNPOST else _variant_key(url_key, found, wanted)

    async def _must_ask(self, wishes: dict[str, str], key: str) -> bool:
        """Tell whether the client wants the origin to be asked: no-cache, or an age that is too high for it."""
        if "no-cache" in wishes:
            return True
        most_s = seconds(wishes, "max-age")
        entry = await self._store.get(key) if most_s is not None else None
        return entry is not None and most_s is not None and entry.age_s(self._clock()) > most_s

    def _is_fresh(self, entry: Entry | None) -> bool:
        return entry is not None and entry.standing(self._clock()) is Standing.FRESH


def _variant_key(url_key: str, signpost: Entry, wanted: CIMultiDict[str]) -> str:
    """Return the key of a variant: its URL, the signpost's token, and the values of the fields that the signpost names."""
    names, token = signpost.headers[0]
    values = [[value.strip() for value in wanted.getall(name, ())] for name in names.split(",")]
    return cache_key("variant", url_key, json.dumps(values).encode(), token)
