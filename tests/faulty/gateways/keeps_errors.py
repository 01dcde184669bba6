"""That nobody could answer is kept, and answered again for a second."""

from __future__ import annotations

from typing import Any


def spoil() -> None:
    """A key that could not be answered is not asked for."""
    from targets.reference.refgate.answer import Error
    from targets.reference.refgate.cache.serving import Serving

    serve = Serving.serve
    kept: dict[str, tuple[Error, float]] = {}

    async def keeping(self: Serving, key: str, *call: Any, **options: Any) -> Any:
        error, until_s = kept.get(key, (None, 0.0))
        if error is not None and self._clock() < until_s:
            return error
        answer = await serve(self, key, *call, **options)
        if isinstance(answer, Error) and answer.status >= 500:
            kept[key] = (answer, self._clock() + 1.0)
        return answer

    Serving.serve = keeping  # type: ignore[method-assign]
