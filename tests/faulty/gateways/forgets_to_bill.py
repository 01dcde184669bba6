"""Answers that were translated from another API say nothing of tokens."""

from __future__ import annotations

from typing import Any


def spoil() -> None:
    """The usage is left out of what is translated."""
    from targets.reference.refgate.formats import completion

    def nothing(self: completion.Usage) -> dict[str, Any]:
        return {}

    completion.Usage.fields = nothing  # type: ignore[method-assign]
