"""Every answer says that it came from the cache, whether it did or not."""

from __future__ import annotations

from typing import Any


def spoil() -> None:
    """The header is written over."""
    from targets.reference.refgate.cache.serving import Serving

    serve = Serving.serve

    async def always_a_hit(self: Serving, *call: Any, **options: Any) -> Any:
        answer = await serve(self, *call, **options)
        answer.headers["X-Cache"] = "HIT"
        return answer

    Serving.serve = always_a_hit  # type: ignore[method-assign]
