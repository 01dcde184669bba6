"""Conditional reads are answered with the whole resource, changed or not."""

from __future__ import annotations


def spoil() -> None:
    """Nobody holds anything."""
    from targets.reference.refgate.cache import http_cache

    vars(http_cache)["unchanged"] = lambda answer, request_headers: False
