"""A kept answer, and what may still be done with it at a given time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from multidict import CIMultiDict

from ..answer import Whole


class Standing(Enum):
    """What may be done with an entry: serve it, serve it while fetching a new one, serve it only when that fails."""

    FRESH = "fresh"
    REVALIDATE = "revalidate"
    ON_ERROR = "on-error"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long an answer is good, in seconds: fresh for `fresh_s`, then stale for `revalidate_s` and for `error_s`.

    Both stale times count from the end of freshness (RFC 5861). `kept_s` is when nothing may be done with it any more;
    what carries a validator is kept longer than it is good, so that its origin can be asked whether it still is.
    """

    fresh_s: float
    revalidate_s: float = 0.0
    error_s: float = 0.0
    validator_s: float = 0.0

    @property
    def kept_s(self) -> float:
        """Seconds after which the entry is of no use to anybody."""
        return self.fresh_s + max(self.revalidate_s, self.error_s, self.validator_s)


@dataclass(frozen=True, slots=True)
class Entry:
    """An answer with the time it was made at (seconds of the epoch, so that replicas agree) and its lifetime."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    made_at_s: float
    lifetime: Lifetime

    @classmethod
    def of(cls, answer: Whole, made_at_s: float, lifetime: Lifetime) -> Entry:
        """Return the entry that keeps `answer`."""
        return cls(answer.status, tuple(answer.headers.items()), answer.body, made_at_s, lifetime)

    def age_s(self, now_s: float) -> float:
        """Return the seconds since the origin made it; clocks of replicas may differ a little, an age is never negative."""
        return max(0.0, now_s - self.made_at_s)

    def standing(self, now_s: float) -> Standing:
        """Return what may be done with it at `now_s`."""
        late_s = self.age_s(now_s) - self.lifetime.fresh_s
        if late_s < 0:
            return Standing.FRESH
        if late_s < self.lifetime.revalidate_s:
            return Standing.REVALIDATE
        return Standing.ON_ERROR if late_s < self.lifetime.error_s else Standing.DEAD

    def left_s(self, now_s: float) -> float:
        """Return the seconds for which it is worth keeping."""
        return self.lifetime.kept_s - self.age_s(now_s)

    def renewed(self, made_at_s: float, lifetime: Lifetime, headers: CIMultiDict[str]) -> Entry:
        """Return it as its origin confirmed it (304): the same body, with the fields that came anew (RFC 9111, 4.3.4)."""
        fields = CIMultiDict(self.headers)
        for name in set(headers):
            fields.popall(name, None)
        fields.extend(headers)
        return replace(self, headers=tuple(fields.items()), made_at_s=made_at_s, lifetime=lifetime)

    def answer(self, now_s: float, claim: str) -> Whole:
        """Return it as an answer that says how old it is and what the cache did: `X-Cache: HIT` or `STALE`."""
        fields = CIMultiDict(self.headers)
        fields["Age"] = str(int(self.age_s(now_s)))
        fields["X-Cache"] = claim
        return Whole(self.status, fields, self.body)
