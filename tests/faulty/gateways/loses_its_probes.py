"""A request that probes a broken provider gets the provider's error, though another provider would answer it."""

from __future__ import annotations


def spoil() -> None:
    """What a half-open breaker let through is not sent again."""
    from dataclasses import replace

    from targets.reference.refgate.answer import Failure, Outgoing, Stream, Whole
    from targets.reference.refgate.breaker import Permit, State
    from targets.reference.refgate.failover import Failover
    from targets.reference.refgate.provider import Provider

    attempt = Failover._try

    async def once(
        self: Failover, provider: Provider, permit: Permit, outgoing: Outgoing, deadline_s: float, *, first: bool
    ) -> tuple[Provider, Permit, Whole | Stream | Failure]:
        probes = provider.breaker.state is State.HALF_OPEN
        asked, permit, result = await attempt(self, provider, permit, outgoing, deadline_s, first=first)
        if probes and isinstance(result, Failure):
            result = replace(result, partial=True)  # which may not be retried
        return asked, permit, result

    Failover._try = once  # type: ignore[method-assign]
