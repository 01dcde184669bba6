"""Every answer says that it was fetched, also those that came from the cache."""

from __future__ import annotations

from typing import Any


def spoil() -> None:
    """The header is written over."""
    from targets.reference.refgate.cache.serving import Serving

    serve = Serving.serve

    async def always_a_miss(self: Serving, *call: Any, **options: Any) -> Any:
        answer = await serve(self, *call, **options)
        answer.headers["X-Cache"] = "MISS"
        return answer

    Serving.serve = always_a_miss  # type: ignore[method-assign]
