"""An idempotency key means the same whoever sends it."""

from __future__ import annotations


def spoil() -> None:
    """Leave the tenant out of the name under which an execution is kept."""
    from targets.reference.refgate.cache import key
    from targets.reference.refgate.stages import idempotency

    named = key.cache_key

    def for_everybody(method: str, path: str, body: bytes, scope: str) -> str:
        return named(method, path, body, "" if method == "key" else scope)

    vars(idempotency)["cache_key"] = for_everybody
