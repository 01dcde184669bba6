"""Personal and time-bound prompts are answered from the cache."""

from __future__ import annotations


def spoil() -> None:
    """No prompt is one."""
    from targets.reference.refgate.cache import prompt_cache, semantics

    vars(prompt_cache)["must_not_be_kept"] = lambda prompt: False
    vars(semantics)["is_personal_or_time_bound"] = lambda prompt: False
