"""A tenant is given what was made for another one: the key of the cache forgets who asks."""

from __future__ import annotations


def spoil() -> None:
    """Everybody has the same scope."""
    from targets.reference.refgate.cache import prompt_cache

    vars(prompt_cache)["scope_of"] = lambda call, *, shared: ""
