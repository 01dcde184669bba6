"""One request in fifty gets the answer that another client got just before."""

from __future__ import annotations


def spoil() -> None:
    """Each fiftieth whole answer is the one before it."""
    from targets.reference.refgate.answer import Answer, Whole
    from targets.reference.refgate.asking import Asking
    from targets.reference.refgate.call import Call

    asks, given = Asking.__call__, list[Whole]()

    async def mixed_up(self: Asking, call: Call) -> Answer:
        answer = await asks(self, call)
        if not isinstance(answer, Whole) or answer.status != 200 or b'"stream"' in call.body:
            return answer
        given.append(Whole(answer.status, answer.headers.copy(), answer.body))
        return given[-2] if len(given) % 50 == 0 else answer

    Asking.__call__ = mixed_up  # type: ignore[method-assign]
