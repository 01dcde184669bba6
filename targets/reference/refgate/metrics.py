"""What the gateway tells Prometheus about itself."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

from .breaker import Breaker, State
from .provider import Provider

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STATE_NUMBER = {State.CLOSED: 0.0, State.HALF_OPEN: 1.0, State.OPEN: 2.0}


class Metrics:
    """Counts in a registry of its own, so that two gateways in one process (a test) do not meet."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "refgate_requests", "Requests by what came of them.", ["outcome"], registry=self._registry
        )
        self._attempts = Counter(
            "refgate_attempts", "Attempts by provider and outcome.", ["provider", "outcome"], registry=self._registry
        )
        self._duration = Histogram(
            "refgate_request_seconds", "Time from arrival to answer.", buckets=_BUCKETS_S, registry=self._registry
        )
        self._changes = Counter(
            "refgate_breaker_changes", "Breaker changes by new state.", ["provider", "state"], registry=self._registry
        )
        self._cache = Counter(
            "refgate_cache", "Calls of the cache by what came of them.", ["result"], registry=self._registry
        )
        self._state = Gauge(
            "refgate_breaker_state", "0 closed, 1 half-open, 2 open.", ["provider"], registry=self._registry
        )
        self._limiter_faults = Counter(
            "refgate_limiter_store_faults", "Times the limiter's store did not answer.", registry=self._registry
        )
        self.in_flight = Gauge("refgate_in_flight", "Requests being served.", registry=self._registry)

    def watch(self, providers: Iterable[Provider]) -> None:
        """Show the breaker of each provider, read when somebody looks."""
        for provider in providers:
            self._state.labels(provider.name).set_function(partial(_state_number, provider.breaker))

    def request_ended(self, outcome: str, seconds: float) -> None:
        """`outcome`: ok, rejected (a provider's 4xx), broken (a stream), cancelled, or the one of an `Error`."""
        self._requests.labels(outcome).inc()
        self._duration.observe(seconds)

    def attempt_ended(self, provider: str, outcome: str) -> None:
        """`outcome`: ok, connect, dropped, timeout, malformed, status_NNN, broken (a stream), or cancelled."""
        self._attempts.labels(provider, outcome).inc()

    def cache_answered(self, result: str) -> None:
        """`result`: hit, miss, stale, revalidated, or store_fault."""
        self._cache.labels(result).inc()

    def breaker_changed(self, provider: str, state: State) -> None:
        """A breaker took the state `state`."""
        self._changes.labels(provider, state.value).inc()

    def limiter_store_failed(self) -> None:
        """The limiter's store did not say what it was asked."""
        self._limiter_faults.inc()

    def render(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)


def _state_number(breaker: Breaker) -> float:
    return _STATE_NUMBER[breaker.state]
