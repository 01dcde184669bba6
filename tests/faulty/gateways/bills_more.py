"""Every whole answer bills a token more than was made."""

from __future__ import annotations

import re

_COMPLETION = re.compile(rb'"completion_tokens":\s*(\d+)')


def spoil() -> None:
    """One is added on the way out."""
    from targets.reference.refgate.answer import Answer, Whole
    from targets.reference.refgate.asking import Asking
    from targets.reference.refgate.call import Call

    asks = Asking.__call__

    async def one_more(self: Asking, call: Call) -> Answer:
        answer = await asks(self, call)
        if not isinstance(answer, Whole):
            return answer
        body = _COMPLETION.sub(lambda found: b'"completion_tokens":%d' % (int(found[1]) + 1), answer.body)
        return Whole(answer.status, answer.headers, body)

    Asking.__call__ = one_more  # type: ignore[method-assign]
