"""A cached answer is served for twice as long as the cache is set to keep it."""

from __future__ import annotations


def spoil() -> None:
    """Each entry's time is doubled."""
    from dataclasses import replace

    from targets.reference.refgate.cache.entry import Lifetime
    from targets.reference.refgate.cache.lifetimes import Lifetimes

    drawn = Lifetimes.next

    def doubled(self: Lifetimes) -> Lifetime:
        lifetime = drawn(self)
        return replace(lifetime, fresh_s=2 * lifetime.fresh_s)

    Lifetimes.next = doubled  # type: ignore[method-assign]
