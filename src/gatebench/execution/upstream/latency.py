"""How long an answer is meant to take: a pure function of the seed, the provider's name and the attempt's key."""

from __future__ import annotations

import hashlib
import math
import struct
from itertools import accumulate
from statistics import NormalDist

from gatebench.scenario import LatencyModel

_NS_PER_MS = 1_000_000
_UNIT = 2.0**-32
_inverse_normal = NormalDist().inv_cdf


class Latency:
    """Draws the times of one provider's answers.

    A draw is the quantile function at a uniform number: `median * exp(sigma * z)` with z the standard normal quantile,
    the inverse transform of the lognormal distribution. The uniform numbers are the 32-bit words of SHAKE128 (FIPS 202)
    over (seed, provider, key), so that nothing is remembered between attempts and any of them can be drawn again.
    """

    def __init__(self, model: LatencyModel, seed: int, provider: str) -> None:
        self._ttft_ns = model.ttft_median_ms * _NS_PER_MS
        self._ttft_sigma = model.ttft_sigma
        self._token_ns = model.token_ms * _NS_PER_MS
        self._token_sigma = model.token_sigma
        self._prefix = hashlib.shake_128(f"{seed}\n{provider}\n".encode())
        self.instant = self._ttft_ns == 0 and self._token_ns == 0

    def token_due_ns(self, key: bytes, tokens: int) -> list[int]:
        """Return when each of `tokens` (at least 1) is due, nanoseconds after the arrival of the attempt named `key`.

        The first is due at the time to first token, each further one a token time after the one before it. A prefix of
        a longer answer to the same key is the shorter answer.
        """
        if self.instant:
            return [0] * tokens
        steps = tokens if self._token_ns and self._token_sigma else 1
        draw = self._prefix.copy()
        draw.update(key)
        first, *rest = struct.unpack(f"<{steps}I", draw.digest(4 * steps))
        ttft_ns = _lognormal(self._ttft_ns, self._ttft_sigma, first)
        gaps = [_lognormal(self._token_ns, self._token_sigma, word) for word in rest] or [self._token_ns] * (tokens - 1)
        return [round(due) for due in accumulate(gaps, initial=ttft_ns)]


def _lognormal(median: float, sigma: float, word: int) -> float:
    """Return the quantile of the lognormal distribution at `(word + 1/2) / 2**32`; `sigma` 0 is the median itself."""
    return median * math.exp(sigma * _inverse_normal((word + 0.5) * _UNIT)) if median and sigma else median
