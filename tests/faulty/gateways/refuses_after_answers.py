"""Every other copy that comes after the answer to its key is told that the request is in progress."""

from __future__ import annotations

from itertools import count


def spoil() -> None:
    """Every other replay is a conflict."""
    from targets.reference.refgate.answer import Answer, Whole
    from targets.reference.refgate.errors import make_error
    from targets.reference.refgate.stages import idempotency

    replayed, replays = idempotency._replayed, count(1)

    def conflicts(kept: Whole) -> Answer:
        if next(replays) % 2 == 0:
            return make_error(409, "idempotency_conflict", "A request with this idempotency key is being executed.")
        return replayed(kept)

    idempotency._replayed = conflicts
