"""The mechanisms of gateways, and what can be said of each: the words in which a target declares what it is set to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

MECHANISMS: Final[Mapping[str, tuple[str, ...]]] = {
    "limiter": ("algorithm", "rate", "period", "burst", "counts", "tiers", "rounds"),
    "cache": (
        "kind",
        "ttl",
        "ttl_jitter",
        "capacity",
        "coalescing",
        "stale_while_revalidate",
        "stale_if_error",
        "scope",
        "threshold",
    ),
    "breaker": ("mode", "failures", "window", "open_time", "probes", "error_rate", "least_calls", "slow_call"),
    "retries": ("retries", "ratio", "reserve"),
    "hedging": ("after", "ratio"),
    "routing": ("kind", "weights"),
    "idempotency": ("on", "ttl", "window"),
    "shedding": ("in_flight", "bulkhead"),
    "timeouts": ("attempt", "total"),
}


def undeclarable(declared: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    """Yield a sentence with its cure for each family and role that there is not."""
    for family, roles in declared.items():
        known = MECHANISMS.get(family)
        if known is None:
            yield f'"{family}" is no mechanism; declare one of {", ".join(MECHANISMS)}'
            continue
        yield from (
            f'"{role}" is nothing that {family} declares; choose from {", ".join(known)}'
            for role in roles
            if role not in known
        )
