"""The cache of answers to prompts: chat completions, messages and embeddings, by their canonical body or their meaning."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..answer import Answer, Whole
from ..call import Call
from ..stage import Next
from .entry import Entry
from .key import cache_key, parsed
from .lifetimes import Lifetimes
from .personal import must_not_be_kept
from .question import question_of
from .scope import scope_of
from .serving import Fetched, Serving
from .store import Store

if TYPE_CHECKING:
    from .semantics import Semantics

_PATHS = frozenset(("/v1/chat/completions", "/v1/embeddings", "/v1/messages"))
_NOT_KEPT = frozenset(("set-cookie", "x-cache", "age"))


class PromptCache:
    """A stage. Streams pass: they are neither kept nor served from what is kept."""

    def __init__(
        self,
        serving: Serving,
        store: Store,
        lifetimes: Lifetimes,
        clock: Callable[[], float],
        semantics: Semantics | None,
        *,
        shared_scope: bool,
    ) -> None:
        self._serving = serving
        self._store = store
        self._lifetimes = lifetimes
        self._clock = clock
        self._semantics = semantics
        self._shared_scope = shared_scope

    async def __call__(self, call: Call, next: Next) -> Answer:
        """Answer from what is kept, or ask and keep what is good."""
        asked = parsed(call.body) if call.method == "POST" and call.path.partition("?")[0] in _PATHS else None
        if asked is None or asked.get("stream") is True:
            return await next(call)
        scope = scope_of(call, shared=self._shared_scope)
        key = own = cache_key(call.method, call.path, call.body, scope)
        question = question_of(call.path, call.body, scope) if self._semantics is not None else None
        if question is not None and must_not_be_kept(question.prompt):
            return await next(call)
        if self._semantics is not None and question is not None:
            key = await self._semantics.key_of(question, own)

        async def fetch(errand: Call, stale: Entry | None) -> Fetched:
            answer = await next(errand)
            if not isinstance(answer, Whole) or answer.status != 200:
                return Fetched(answer, None)
            entry = Entry.of(_without(answer), self._clock(), self._lifetimes.next())
            await self._store.put(own, entry)
            if self._semantics is not None and question is not None:
                self._semantics.learn(question, own)
            return Fetched(answer, entry)

        return await self._serving.serve(key, call, fetch)


def _without(answer: Whole) -> Whole:
    """Return what may be kept of an answer: nothing that was meant for one client."""
    fields = answer.headers.copy()
    for name in _NOT_KEPT:
        fields.popall(name, None)
    return Whole(answer.status, fields, answer.body)
