"""Who is asked, in which order, how often: the walk of one request over the providers until one answers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Container, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from .answer import Failure, Outgoing, Stream, Whole
from .breaker import Permit
from .hedging import Hedge
from .provider import Provider
from .retry import RetryBudget, full_jitter_s
from .settings.hedging import HedgingConfig
from .settings.retry import RetryConfig
from .settings.timeouts import TimeoutConfig

Send = Callable[[Provider, Outgoing, float], Awaitable[Whole | Stream | Failure]]
_NO_HEDGING = HedgingConfig()
_Attempted = tuple[Provider, Permit, Whole | Stream | Failure]


class Observer(Protocol):
    """Is told what came of each attempt."""

    def attempt_ended(self, provider: str, outcome: str) -> None:
        """`outcome` is `ok`, a reason for failure, `status_NNN`, or `cancelled`."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and who gave it under which permit.

    A stream may still break off, which its breaker must learn, and it keeps its place in the bulkhead until it ends.
    """

    answer: Whole | Stream
    provider: Provider
    permit: Permit


@dataclass(frozen=True, slots=True)
class GaveUp:
    """No provider answered. `last` is the last failure and whose it was, None when every breaker refused."""

    last: tuple[Provider, Failure] | None
    retry_after_s: float


class Failover:
    """Asks providers in their order.

    A provider not asked before is asked at once: it gets each request at most once that way, which is no storm. Going
    back to one that failed this request waits (full jitter, or its Retry-After) and is paid from the retry budget.
    With hedging a first attempt that takes long is joined by one at the next provider, paid from a budget of its own.
    """

    def __init__(
        self,
        providers: Sequence[Provider],
        send: Send,
        *,
        timeouts: TimeoutConfig,
        retry: RetryConfig,
        hedging: HedgingConfig = _NO_HEDGING,
        observer: Observer,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._providers = tuple(providers)
        self._named = {provider.name: provider for provider in self._providers}
        self._send = send
        self._timeouts = timeouts
        self._retry = retry
        self._budget = RetryBudget(ratio=retry.budget_ratio, reserve=retry.budget_reserve)
        self._hedges = RetryBudget(ratio=hedging.ratio, reserve=1.0)
        self._hedge = (
            Hedge[_Attempted](hedging.after_s, answered=_answered, discard=_discard) if hedging.after_s else None
        )
        self._observer = observer
        self._clock = clock
        self._sleep = sleep
        self._draw = draw

    async def answer(self, outgoing: Outgoing, names: Sequence[str] | None = None) -> Answered | GaveUp:
        """Return the first usable answer, after at most 1 + `retries` attempts and a hedge, within `total_s` seconds.

        `names` are the providers that may be asked, in their order; None means all, as configured.
        """
        providers = self._providers if names is None else tuple(self._named[name] for name in names)
        self._budget.earn()
        self._hedges.earn()
        deadline_s = self._clock() + self._timeouts.total_s
        failed: dict[Provider, Failure] = {}
        last: tuple[Provider, Failure] | None = None
        for number in range(1 + self._retry.retries):
            chosen = _next_unasked(providers, failed)
            if chosen is None and failed:
                chosen = await self._once_more(providers, failed, number, deadline_s)
            if chosen is None:
                break
            attempt = self._try(*chosen, outgoing, deadline_s, first=not failed)
            if self._hedge is None or number:
                ended = [await attempt]
            else:
                another = partial(self._another, providers, chosen[0], outgoing, deadline_s)
                ended = await self._hedge.race(attempt, another)
            for provider, permit, result in ended:
                if not isinstance(result, Failure):
                    return Answered(result, provider, permit)
                failed[provider] = result
                last = (provider, result)
            if not all(failure.may_be_retried(outgoing.method) for failure in failed.values()):
                break
            if self._clock() >= deadline_s:
                break
        return GaveUp(last, _come_back_s(providers, failed))

    def _another(
        self, providers: Sequence[Provider], asked: Provider, outgoing: Outgoing, deadline_s: float
    ) -> Coroutine[Any, Any, _Attempted] | None:
        """Return an attempt at the next provider after `asked`, if hedges are not used up."""
        if not self._hedges.has_one():
            return None
        chosen = _next_unasked(providers, (asked,))
        if chosen is None:
            return None
        self._hedges.spend()
        return self._try(*chosen, outgoing, deadline_s, first=False)

    async def _once_more(
        self, providers: Sequence[Provider], failed: dict[Provider, Failure], number: int, deadline_s: float
    ) -> tuple[Provider, Permit] | None:
        """Choose the provider that wants to be left alone the shortest, wait, and ask its breaker; None: give up."""
        willing = [provider for provider in failed if provider.breaker.wait_s() == 0]
        if not willing:
            return None
        asks_s = {one: failed[one].retry_after_s if self._retry.honours_retry_after else 0.0 for one in willing}
        provider = min(willing, key=lambda one: (asks_s[one], providers.index(one)))
        pause_s = full_jitter_s(
            number, base_s=self._retry.backoff_s, cap_s=self._retry.backoff_cap_s, draw=self._draw()
        )
        pause_s = max(pause_s, asks_s[provider])
        if self._clock() + pause_s >= deadline_s or not self._budget.spend():
            return None
        await self._sleep(pause_s)
        permit = provider.enter()
        return None if permit is None else (provider, permit)

    async def _try(
        self, provider: Provider, permit: Permit, outgoing: Outgoing, deadline_s: float, *, first: bool
    ) -> _Attempted:
        started_s = self._clock()
        limit_s = min(self._timeouts.attempt_s, deadline_s - started_s)
        # What others left of the total time may be too short for anybody: running out of it is no verdict.
        cut_short = not first and limit_s < self._timeouts.attempt_s
        outcome, result = "cancelled", None
        try:
            result = await self._send(provider, outgoing, limit_s)
            if isinstance(result, Failure):
                outcome = result.reason if result.status is None else f"status_{result.status}"
                if cut_short and result.reason == "timeout":
                    provider.breaker.released(permit)
                else:
                    provider.breaker.failed(permit)
            else:
                outcome = "ok"
                provider.breaker.succeeded(permit, self._clock() - started_s)
            return provider, permit, result
        finally:
            if result is None:  # the client left, or another provider was faster
                provider.breaker.abandoned(permit, self._clock() - started_s)
            if not isinstance(result, Stream):  # a stream keeps its place until it ends
                provider.bulkhead.leave()
            self._observer.attempt_ended(provider.name, outcome)


def _answered(attempted: _Attempted) -> bool:
    return not isinstance(attempted[2], Failure)


def _discard(attempted: _Attempted) -> None:
    """End the stream of a provider that answered second."""
    provider, _, result = attempted
    if isinstance(result, Stream):
        result.upstream.release()
        provider.bulkhead.leave()


def _next_unasked(providers: Sequence[Provider], asked: Container[Provider]) -> tuple[Provider, Permit] | None:
    for provider in providers:
        if provider not in asked and (permit := provider.enter()) is not None:
            return provider, permit
    return None


def _come_back_s(providers: Sequence[Provider], failed: dict[Provider, Failure]) -> float:
    """Return the seconds until the first provider may be willing again."""
    return min(
        max(provider.breaker.wait_s(), failed[provider].retry_after_s if provider in failed else 0.0)
        for provider in providers
    )
