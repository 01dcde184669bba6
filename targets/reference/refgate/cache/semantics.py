"""The meaning of prompts beside their wording: which kept question a new one may share its answer with."""

from __future__ import annotations

from collections.abc import Callable

from .embedding import Embedding
from .entry import Standing
from .personal import is_personal_or_time_bound
from .question import Question
from .semantic_index import SemanticIndex
from .store import Store


class Semantics:
    """Finds a kept question with a cosine of at least `threshold` within the same frame whose answer is fresh."""

    def __init__(
        self, embed: Embedding, store: Store, clock: Callable[[], float], *, capacity: int, threshold: float
    ) -> None:
        self._embed = embed
        self._store = store
        self._clock = clock
        self._threshold = threshold
        self._index = SemanticIndex(capacity)

    async def key_of(self, question: Question, key: str) -> str:
        """Return the key whose answer serves `question`: its own, `key`, if it is kept or nothing is near enough."""
        if is_personal_or_time_bound(question.prompt) or await self._is_fresh(key):
            return key
        near = self._index.nearest(question.frame, self._embed(question.prompt), self._threshold)
        if near is None or near == key:
            return key
        if await self._is_fresh(near):
            return near
        self._index.remove(near)
        return key

    def learn(self, question: Question, key: str) -> None:
        """Make the question findable by its meaning."""
        if not is_personal_or_time_bound(question.prompt):
            self._index.add(question.frame, key, self._embed(question.prompt))

    async def _is_fresh(self, key: str) -> bool:
        entry = await self._store.get(key)
        return entry is not None and entry.standing(self._clock()) is Standing.FRESH
