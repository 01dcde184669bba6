"""One request in fifty is answered with an error, though nothing is wrong."""

from __future__ import annotations

from itertools import count


def spoil() -> None:
    """Each fiftieth is not even asked."""
    from targets.reference.refgate.answer import Answer
    from targets.reference.refgate.asking import Asking
    from targets.reference.refgate.call import Call
    from targets.reference.refgate.errors import make_error

    asks, numbers = Asking.__call__, count(1)

    async def fails(self: Asking, call: Call) -> Answer:
        if next(numbers) % 50 == 0:
            return make_error(500, "internal_error", "Something went wrong.", outcome="failed")
        return await asks(self, call)

    Asking.__call__ = fails  # type: ignore[method-assign]
