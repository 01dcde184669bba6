"""What a cache is set to, for one route: as its target or the scenario declares it, or as the origin's Cache-Control says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gatebench.units import duration_s

if TYPE_CHECKING:
    from gatebench.plan import Plan
    from gatebench.providers import CollectionModel
    from gatebench.traffic import Route

_NS: Final = 1e9
_DIRECTIVE: Final = re.compile(r"([a-z-]+)(?:=(\d+))?", re.IGNORECASE)


@dataclass(frozen=True)
class Terms:
    """Nanoseconds. `ttl_ns` None: nobody says. `on` is false where nobody declares a cache, or declares that it is off.

    An answer may be served until its age is `usual_ns`: the time to live with its jitter, and stale-while-revalidate; while
    providers fail until `in_trouble_ns`, with stale-if-error if that is longer.
    """

    on: bool = False
    semantic: bool = False
    ttl_ns: int | None = None
    jitter: float = 0.0
    revalidate_ns: int = 0
    if_error_ns: int = 0
    capacity: int | None = None
    coalescing: bool | None = None
    shared: bool = False

    @property
    def usual_ns(self) -> int | None:
        """The greatest age at which an answer may be served while providers answer; None when nobody says."""
        return None if self.ttl_ns is None else round(self.ttl_ns * (1 + self.jitter)) + self.revalidate_ns

    @property
    def in_trouble_ns(self) -> int | None:
        """The same while they fail."""
        more_ns = max(0, self.if_error_ns - self.revalidate_ns)
        return None if self.usual_ns is None else self.usual_ns + more_ns


def is_pooled(route: Route) -> bool:
    """Tell whether a route asks for the same again, so that a cache can answer."""
    return bool(route.prompts) or route.questions or route.kind == "rest"


def terms_of(plan: Plan, route: Route) -> Terms:
    """Return the terms for the answers of a route.

    For a REST resource the origin's Cache-Control counts: s-maxage, else max-age, and its stale-while-revalidate and
    stale-if-error (RFC 9111 section 4.2.1, RFC 5861), beside what the cache is set to allow.
    """
    said = plan.declared.get("cache", {})
    kind = str(said.get("kind", "off" if not said else ""))
    own_ns = _ns(said, "ttl")
    revalidate_ns, if_error_ns = _ns(said, "stale_while_revalidate") or 0, _ns(said, "stale_if_error") or 0
    if route.kind == "rest":
        collections = [
            provider.rest[route.collection] for provider in plan.providers if route.collection in provider.rest
        ]
        if collections:
            ages = _ages(collections[0])
            own_ns = ages.get("s-maxage", ages.get("max-age"))
            revalidate_ns = max(revalidate_ns, ages.get("stale-while-revalidate", 0))
            if_error_ns = max(if_error_ns, ages.get("stale-if-error", 0))
    coalescing = said.get("coalescing")
    capacity = said.get("capacity")
    return Terms(
        on=kind != "off",
        semantic=kind == "semantic",
        ttl_ns=own_ns,
        jitter=float(said.get("ttl_jitter", 0.0)),
        revalidate_ns=revalidate_ns,
        if_error_ns=if_error_ns,
        capacity=int(capacity) if capacity else None,
        coalescing=None if coalescing is None else bool(coalescing),
        shared=said.get("scope") == "shared",
    )


def _ns(said: Mapping[str, object], role: str) -> int | None:
    value = said.get(role)
    if value is None or value == "":
        return None
    return round(duration_s(value) * _NS) if isinstance(value, str) else round(float(str(value)) * _NS)


def _ages(collection: CollectionModel) -> dict[str, int]:
    """Return the directives of Cache-Control that carry seconds, in nanoseconds; `no-store` and `no-cache` allow no age at all."""
    found = _DIRECTIVE.findall(collection.header().lower())
    ages = {name: round(int(value) * _NS) for name, value in found if value}
    return {**ages, "s-maxage": 0} if {"no-store", "no-cache", "private"} & {name for name, _ in found} else ages
