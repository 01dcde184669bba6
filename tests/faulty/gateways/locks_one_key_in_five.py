"""One idempotency key in five is taken for one in progress from its first request on, and never executed."""

from __future__ import annotations


def spoil() -> None:
    """Some names are refused before anybody looks for them."""
    from collections.abc import Callable
    from typing import Any

    from targets.reference.refgate.answer import Answer
    from targets.reference.refgate.errors import make_error
    from targets.reference.refgate.idempotency.records import Records
    from targets.reference.refgate.stages.idempotency import Idempotency

    once: Callable[..., Any] = Idempotency._once

    async def locked(self: Idempotency, records: Records, name: str, *request: Any, **options: Any) -> Answer:
        if records is self._keyed and int(name, 16) % 5 == 0:
            return make_error(409, "idempotency_conflict", "A request with this idempotency key is being executed.")
        answer: Answer = await once(self, records, name, *request, **options)
        return answer

    Idempotency._once = locked  # type: ignore[method-assign]
