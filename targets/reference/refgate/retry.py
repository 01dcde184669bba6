"""How long to wait before asking a provider again, and how often the gateway as a whole may do so."""

from __future__ import annotations

_MOST_DOUBLINGS = 30


def full_jitter_s(failures: int, *, base_s: float, cap_s: float, draw: float) -> float:
    """Return the pause after the `failures`-th failure: uniform between 0 and min(cap, base * 2^(failures - 1)).

    `draw` is a random number in [0, 1). Source: M. Brooker, "Exponential Backoff And Jitter",
    AWS Architecture Blog, 2015.
    """
    return draw * min(cap_s, base_s * 2.0 ** min(failures - 1, _MOST_DOUBLINGS))


class RetryBudget:
    """Keeps retries a share of requests: each request earns `ratio` of a retry, and at most `reserve` are saved up.

    Over any stretch of time there are at most `reserve` + `ratio` * requests retries, so that a provider that is down
    meets no storm. The idea is the retry budget of Google's SRE book, chapter "Handling Overload".
    """

    def __init__(self, *, ratio: float, reserve: float) -> None:
        self._ratio = ratio
        self._reserve = reserve
        self._saved = reserve

    def earn(self) -> None:
        """A request arrived."""
        self._saved = min(self._reserve, self._saved + self._ratio)

    def has_one(self) -> bool:
        """Tell whether `spend` would say yes."""
        return self._saved >= 1

    def spend(self) -> bool:
        """Take one retry out; False means that there is none left."""
        if not self.has_one():
            return False
        self._saved -= 1
        return True
