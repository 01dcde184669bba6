"""A refused request counts as well: who goes on asking never gets in again."""

from __future__ import annotations


def spoil() -> None:
    """A refusal empties the bucket, and is written into the log."""
    from targets.reference.refgate.limits.limit import Admission, to_us
    from targets.reference.refgate.limits.sliding_log import SlidingLog, _Entry
    from targets.reference.refgate.limits.token_bucket import TokenBucket

    of_bucket, of_log = TokenBucket.admit, SlidingLog.admit

    def empty(self: TokenBucket, now_s: float, cost: int = 1) -> Admission:
        said = of_bucket(self, now_s, cost)
        if not said.admitted:
            self._level = 0
        return said

    def write(self: SlidingLog, now_s: float, cost: int = 1) -> Admission:
        said = of_log(self, now_s, cost)
        if not said.admitted:
            self._log.append(_Entry(0, to_us(now_s), cost))
            self._used += cost
        return said

    TokenBucket.admit = empty  # type: ignore[method-assign]
    SlidingLog.admit = write  # type: ignore[method-assign]
