"""How long an answer is meant to take: a pure function of the seed, the provider's name and the attempt's key."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Sequence
from itertools import accumulate
from operator import itemgetter
from statistics import NormalDist
from typing import Protocol

from gatebench.latency import AnyLatency, ConstantLatency, LatencyModel, MeasuredLatency, UniformLatency

_NS_PER_MS = 1_000_000
_UNIT = 2.0**-32
_inverse_normal = NormalDist().inv_cdf


class Latency:
    """Draws the times of one provider's answers.

    A draw is the quantile function at a uniform number, the inverse transform. The uniform numbers are the 32-bit words
    of SHAKE128 (FIPS 202) over (seed, provider, key), so that nothing is remembered between attempts and any of them
    can be drawn again.
    """

    def __init__(self, model: AnyLatency, seed: int, provider: str) -> None:
        self._prefix = hashlib.shake_128(f"{seed}\n{provider}\n".encode())
        self._input_ns = model.input_token_ms * _NS_PER_MS
        self._times: _Times = _times_of(model)
        self.instant = self._times.instant and not self._input_ns

    def token_due_ns(self, key: bytes, tokens: int, *, ordinal: int = 1, tokens_in: int = 0) -> list[int]:
        """Return when each of `tokens` (at least 1) is due, nanoseconds after the arrival of the attempt named `key`.

        The first is due at the time to first token, each further one a token time after the one before it. A prefix of
        a longer answer to the same key is the shorter answer, unless a trace gives the time of the whole. `ordinal` is
        the attempt's, from 1, which a replayed trace goes by; `tokens_in` are those of its prompt.
        """
        if self.instant:
            return [0] * tokens
        words = self._times.words(tokens)
        draw = self._prefix.copy()
        draw.update(key)
        first_ns, gaps_ns = self._times.drawn(struct.unpack(f"<{words}I", draw.digest(4 * words)), tokens, ordinal)
        return [round(due) for due in accumulate(gaps_ns, initial=first_ns + self._input_ns * tokens_in)]


class _Times(Protocol):
    """A time to first token and the gaps after it, in nanoseconds, from random words."""

    instant: bool

    def words(self, tokens: int) -> int:
        """Return how many words a draw takes, at least 1."""

    def drawn(self, words: Sequence[int], tokens: int, ordinal: int) -> tuple[float, Sequence[float]]:
        """Return the time to first token and `tokens` - 1 gaps."""


class _Lognormal:
    """`median * exp(sigma * z)` with z the standard normal quantile."""

    def __init__(self, model: LatencyModel) -> None:
        self._ttft_ns = model.ttft_median_ms * _NS_PER_MS
        self._ttft_sigma = model.ttft_sigma
        self._token_ns = model.token_ms * _NS_PER_MS
        self._token_sigma = model.token_sigma
        self.instant = self._ttft_ns == 0 and self._token_ns == 0

    def words(self, tokens: int) -> int:
        return tokens if self._token_ns and self._token_sigma else 1

    def drawn(self, words: Sequence[int], tokens: int, ordinal: int) -> tuple[float, Sequence[float]]:
        first, *rest = words
        ttft_ns = _lognormal(self._ttft_ns, self._ttft_sigma, first)
        gaps = [_lognormal(self._token_ns, self._token_sigma, word) for word in rest]
        return ttft_ns, gaps or [self._token_ns] * (tokens - 1)


class _Uniform:
    """`low + (high - low) * u`; a constant is a uniform distribution without width."""

    def __init__(self, low_ms: float, high_ms: float, token_ms: float) -> None:
        self._low_ns = low_ms * _NS_PER_MS
        self._width_ns = (high_ms - low_ms) * _NS_PER_MS
        self._token_ns = token_ms * _NS_PER_MS
        self.instant = high_ms == 0 and token_ms == 0

    def words(self, tokens: int) -> int:
        return 1

    def drawn(self, words: Sequence[int], tokens: int, ordinal: int) -> tuple[float, Sequence[float]]:
        return self._low_ns + self._width_ns * (words[0] + 0.5) * _UNIT, [self._token_ns] * (tokens - 1)


class _Measured:
    """Rows of a trace: the quantile function of the empirical distribution, or one row after the other.

    Sorted by their time to first token, the row at `floor(u * n)` is that quantile function, which takes u in
    (k/n, (k+1)/n) to the k-th smallest of n. A row is taken whole, so that what belongs together stays together.
    """

    instant = False

    def __init__(self, model: MeasuredLatency) -> None:
        count = len(model.ttft_ms)
        tokens, totals = model.token_ms or (0.0,) * count, model.total_ms or (None,) * count
        rows = zip(model.ttft_ms, tokens, totals, strict=True)
        self._replayed = model.order == "replayed"
        self._rows = list(rows) if self._replayed else sorted(rows, key=itemgetter(0))

    def words(self, tokens: int) -> int:
        return 1

    def drawn(self, words: Sequence[int], tokens: int, ordinal: int) -> tuple[float, Sequence[float]]:
        rows = self._rows
        place = (ordinal - 1) % len(rows) if self._replayed else int(words[0] * _UNIT * len(rows))
        ttft_ms, token_ms, total_ms = rows[place]
        if total_ms is not None and tokens > 1:
            token_ms = (total_ms - ttft_ms) / (tokens - 1)
        return ttft_ms * _NS_PER_MS, [token_ms * _NS_PER_MS] * (tokens - 1)


def _times_of(model: AnyLatency) -> _Times:
    if isinstance(model, LatencyModel):
        return _Lognormal(model)
    if isinstance(model, UniformLatency):
        return _Uniform(model.low_ms, model.high_ms, model.token_ms)
    if isinstance(model, ConstantLatency):
        return _Uniform(model.ttft_ms, model.ttft_ms, model.token_ms)
    return _Measured(model)


def _lognormal(median: float, sigma: float, word: int) -> float:
    """Return the quantile of the lognormal distribution at `(word + 1/2) / 2**32`; `sigma` 0 is the median itself."""
    return median * math.exp(sigma * _inverse_normal((word + 0.5) * _UNIT)) if median and sigma else median
