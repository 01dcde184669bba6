"""What several gateways that bill wrongly have in common."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_COMPLETION: Final = re.compile(rb'"completion_tokens":\s*(\d+)')


def bill_otherwise(change: Callable[[int], int]) -> None:
    """Have every whole answer bill another number of completion tokens than was made."""
    from targets.reference.refgate.answer import Answer, Whole
    from targets.reference.refgate.asking import Asking
    from targets.reference.refgate.call import Call

    asks = Asking.__call__

    async def billed(self: Asking, call: Call) -> Answer:
        answer = await asks(self, call)
        if not isinstance(answer, Whole):
            return answer
        body = _COMPLETION.sub(lambda found: b'"completion_tokens":%d' % change(int(found[1])), answer.body)
        return Whole(answer.status, answer.headers, body)

    Asking.__call__ = billed  # type: ignore[method-assign]
