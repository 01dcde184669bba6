"""A semantic cache answers only what comes again word for word."""

from __future__ import annotations


def spoil() -> None:
    """Nothing is near enough."""
    from targets.reference.refgate.cache.semantic_index import SemanticIndex

    SemanticIndex.nearest = lambda self, frame, vector, threshold: None  # type: ignore[method-assign]
