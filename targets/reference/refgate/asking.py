"""The end of the pipeline: the providers are asked, and what they said becomes an answer."""

from __future__ import annotations

import logging

from .answer import Answer, Stream
from .call import Call
from .errors import no_answer
from .failover import Answered, Failover
from .log import note
from .metrics import Metrics


class Asking:
    """Asks the providers through `failover`."""

    def __init__(self, failover: Failover, metrics: Metrics) -> None:
        self._failover = failover
        self._metrics = metrics

    async def __call__(self, call: Call) -> Answer:
        """Return the answer that a provider gave, or the error that says why none did."""
        result = await self._failover.answer(call.outgoing, call.providers)
        if not isinstance(result, Answered):
            if result.last is not None:
                provider, failure = result.last
                note(logging.WARNING, "no provider answered", last=provider.name, why=str(failure), **call.facts())
            return no_answer(result)
        call.served_by = result.answer.headers["X-Served-By"] = result.provider.name
        if isinstance(result.answer, Stream):
            self._watch(call, result)
        return result.answer

    def _watch(self, call: Call, answered: Answered) -> None:
        """When the stream ends, give its place back; hold it against the provider when it broke off."""

        def ended(outcome: str) -> None:
            answered.provider.bulkhead.leave()
            if outcome == "broken":
                answered.provider.breaker.failed(answered.permit)
                self._metrics.attempt_ended(answered.provider.name, "broken")
                note(logging.WARNING, "a stream broke off", provider=answered.provider.name, **call.facts())

        call.endings.append(ended)
