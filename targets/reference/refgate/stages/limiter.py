"""The rate limiter: each client has its limit, and who is above it is told exactly when to come back.

The fields are those of https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/07/.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping

from ..answer import Answer, Error, Stream, Whole
from ..call import Call
from ..errors import make_error
from ..limits.limit import Admission, Limit
from ..limits.memory import MemoryStore
from ..limits.redis import RedisStore
from ..limits.store import Store, StoreFault
from ..log import note
from ..settings.limiter import LimiterConfig
from ..shared import Shared
from ..stage import Next, Stage
from ..usage import UsageTap, estimated_tokens, used_tokens

_NOBODY = "anonymous"


def limiter(config: LimiterConfig, shared: Shared) -> Stage | None:
    """Return the stage that `config` asks for."""
    if config.algorithm == "off":
        return None
    store: Store
    if config.store == "redis":
        store = RedisStore(shared.redis(), config.algorithm, timeout_s=config.store_timeout_s, later=shared.later)
    else:
        store = MemoryStore(config.algorithm, _unix_clock())
    return Limiter(store, config, shared)


def _unix_clock() -> Callable[[], float]:
    """Return a clock that tells Unix time and never jumps: fixed windows begin where everybody expects them to."""
    offset_s = time.time() - time.monotonic()
    return lambda: time.monotonic() + offset_s


class Limiter:
    """Counts calls, or the tokens they use, by tenant."""

    def __init__(self, store: Store, config: LimiterConfig, shared: Shared) -> None:
        self._store = store
        self._shared = shared
        self._default = config.limit
        self._tiers: Mapping[str, Limit | None] = config.tier_limits()
        self._bucket = config.algorithm in ("token-bucket", "gcra")
        self._places = config.algorithm == "concurrency"
        self._tokens = config.counts == "tokens"
        self._open = config.on_store_fault == "open"
        self._faulty = False

    async def __call__(self, call: Call, next: Next) -> Answer:
        """Let the call pass and say what is left, or answer 429."""
        limit = self._tiers.get(call.tier, self._default)
        if limit is None:
            return await next(call)
        cost = estimated_tokens(call.body) if self._tokens else 1
        try:
            said = await self._store.admit(call.tenant or _NOBODY, limit, cost)
        except StoreFault as fault:
            self._note_fault(fault, call)
            return await next(call) if self._open else _store_is_away()
        self._faulty = False
        if not said.admitted:
            return self._refusal(limit, said)
        if self._places:
            call.endings.append(lambda outcome: self._settle(call, limit, said, 0))
        answer = await (self._counted(call, limit, said, cost, next) if self._tokens else next(call))
        self._tell(answer, limit, said)
        return answer

    async def _counted(self, call: Call, limit: Limit, said: Admission, cost: int, next: Next) -> Answer:
        """Have the call answered, and correct what was taken once it is known what was used."""
        answer: Answer | None = None
        tap = UsageTap()
        call.taps.append(tap)

        def ended(outcome: str) -> None:
            used: int | None = None
            if isinstance(answer, Error):
                used = 0
            elif isinstance(answer, Whole):
                used = used_tokens(answer.body)
            elif isinstance(answer, Stream):
                used = cost + tap.events if tap.tokens is None else tap.tokens
            if used is not None and used != cost:
                self._settle(call, limit, said, used - cost)

        call.endings.append(ended)
        answer = await next(call)
        return answer

    def _settle(self, call: Call, limit: Limit, said: Admission, more: int) -> None:
        async def settle() -> None:
            try:
                await self._store.settle(call.tenant or _NOBODY, limit, said.ticket, more)
            except StoreFault as fault:
                self._note_fault(fault, call)

        self._shared.later(settle())

    def _refusal(self, limit: Limit, said: Admission) -> Error:
        unit = "tokens" if self._tokens else "requests"
        error = make_error(
            429,
            "rate_limit_exceeded",
            f"Rate limit reached for {unit}. Please try again in {said.retry_after_s:.3f}s.",
            outcome="limited",
            kind=unit,
            retry_after_s=said.retry_after_s,
        )
        self._tell(error, limit, said)
        return error

    def _tell(self, answer: Answer, limit: Limit, said: Admission) -> None:
        quota = limit.burst if self._bucket else limit.rate
        answer.headers["RateLimit-Limit"] = str(quota)
        answer.headers["RateLimit-Remaining"] = str(said.remaining)
        answer.headers["RateLimit-Reset"] = str(math.ceil(said.reset_s))
        if not self._places and limit.period_us % 1_000_000 == 0:  # a policy's window is whole seconds
            burst = f";burst={limit.burst}" if self._bucket else ""
            answer.headers["RateLimit-Policy"] = f"{limit.rate};w={limit.period_us // 1_000_000}{burst}"

    def _note_fault(self, fault: StoreFault, call: Call) -> None:
        """Count each fault; write down the first of a row of them."""
        self._shared.metrics.limiter_store_failed()
        if not self._faulty:
            self._faulty = True
            note(logging.WARNING, "the limiter's store fails", why=str(fault), open=self._open, **call.facts())


def _store_is_away() -> Error:
    return make_error(
        503, "limiter_unavailable", "Limits cannot be counted at the moment.", outcome="refused", retry_after_s=1.0
    )
