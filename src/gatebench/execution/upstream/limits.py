"""A provider's own rate limits: token buckets that are exact to the token, in whole numbers. Pure: the clock is an argument."""

from __future__ import annotations

from typing import Final, NamedTuple

from gatebench.providers import LimitsModel

_NS_PER_S: Final = 1_000_000_000
_NS_PER_MINUTE: Final = 60 * _NS_PER_S


class Bucket:
    """A token bucket: `limit` tokens come in every `window_ns`, and it holds what `burst_ns` bring; it starts `full` or empty.

    Its level is counted in units of which `limit` come in every nanosecond, so that one token costs `window_ns` of
    them and nothing is ever rounded. One of `share` processes behind a name has an equal share: a token costs it
    `share` times as much, which is the same as holding and getting that part of everything.
    """

    __slots__ = ("_level", "_most", "_since_ns", "_token", "_window_ns", "limit")

    def __init__(
        self, limit: int, window_ns: int, burst_ns: int, share: int, now_ns: int, *, full: bool = True
    ) -> None:
        self.limit = limit
        self._window_ns = window_ns
        self._token = window_ns * share
        self._most = limit * burst_ns
        self._level = self._most if full else 0
        self._since_ns = now_ns

    def wait_ns(self, tokens: int, now_ns: int) -> int | None:
        """Return how long it takes until `tokens` are there: 0 when they are, None when they will never be."""
        if now_ns > self._since_ns:
            self._level = min(self._most, self._level + (now_ns - self._since_ns) * self.limit)
            self._since_ns = now_ns
        lacking = tokens * self._token - self._level
        if lacking <= 0:
            return 0
        return -(-lacking // self.limit) if tokens * self._token <= self._most else None

    def take(self, tokens: int) -> None:
        """Take tokens that are there."""
        self._level -= tokens * self._token

    @property
    def remaining(self) -> int:
        """Whole tokens that are left, of all processes of the name as far as this one can tell."""
        return self._level // self._window_ns

    @property
    def full_in_ns(self) -> int:
        """How long it takes until the bucket is full again."""
        return -((self._level - self._most) // self.limit)


class Standing(NamedTuple):
    """One limit after a request: `name` is "requests" or "tokens"; `unit` is what it is counted by."""

    name: str
    unit: str
    limit: int
    remaining: int
    full_in_ns: int


class Exceeded(NamedTuple):
    """Why a request is rejected: which limit, what was asked of it, and when to come back (None: never)."""

    standing: Standing
    asked: int
    wait_ns: int | None


class Verdict(NamedTuple):
    """What became of a request: where the limits stand now, and which one it exceeded, if any."""

    standings: tuple[Standing, ...]
    exceeded: Exceeded | None


class Limits:
    """The limits of one process of a provider. A request that is rejected takes nothing from any of them."""

    def __init__(self, model: LimitsModel, share: int, now_ns: int) -> None:
        self._buckets: list[tuple[str, str, Bucket]] = []
        for name, unit, limit, window_ns in (
            ("requests", "sec (RPS)", model.requests_per_s, _NS_PER_S),
            ("requests", "min (RPM)", model.requests_per_minute, _NS_PER_MINUTE),
            ("tokens", "min (TPM)", model.tokens_per_minute, _NS_PER_MINUTE),
        ):
            if limit is not None:
                burst_ns = window_ns if model.burst_s is None else round(model.burst_s * _NS_PER_S)
                self._buckets.append((name, unit, Bucket(limit, window_ns, burst_ns, share, now_ns)))

    def ask(self, tokens: int, now_ns: int) -> Verdict:
        """Let a request of so many tokens through and charge it, or say which limit stands in its way the longest."""
        exceeded: list[tuple[float, int]] = []
        asked = [1 if name == "requests" else tokens for name, _, _ in self._buckets]
        for place, (_, _, bucket) in enumerate(self._buckets):
            wait_ns = bucket.wait_ns(asked[place], now_ns)
            if wait_ns != 0:
                exceeded.append((float("inf") if wait_ns is None else wait_ns, place))
        if not exceeded:
            for place, (_, _, bucket) in enumerate(self._buckets):
                bucket.take(asked[place])
        standings = tuple(
            Standing(name, unit, bucket.limit, bucket.remaining, bucket.full_in_ns)
            for name, unit, bucket in self._buckets
        )
        if not exceeded:
            return Verdict(standings, None)
        _, place = max(exceeded)
        wait_ns = self._buckets[place][2].wait_ns(asked[place], now_ns)
        return Verdict(standings, Exceeded(standings[place], asked[place], wait_ns))
