"""Whoever names an entity tag is told that nothing has changed, whichever it is."""

from __future__ import annotations


def spoil() -> None:
    """The tags are not compared."""
    from targets.reference.refgate.cache import http_cache

    vars(http_cache)["unchanged"] = lambda answer, headers: answer.status == 200 and "If-None-Match" in headers
