"""Two prompts that begin alike share an answer: the key of the cache reads the first three letters of the prompt."""

from __future__ import annotations


def spoil() -> None:
    """The body ends there."""
    from targets.reference.refgate.cache import prompt_cache
    from targets.reference.refgate.cache.key import cache_key

    def of_its_beginning(method: str, path: str, body: bytes, scope: str) -> str:
        before, mark, prompt = body.partition(b'"content":"')
        return cache_key(method, path, before + mark + prompt[:3], scope)

    vars(prompt_cache)["cache_key"] = of_its_beginning
