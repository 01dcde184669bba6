"""Among whom an answer is shared."""

from __future__ import annotations

from ..call import Call


def scope_of(call: Call, *, shared: bool) -> str:
    """Return what must be equal in two calls besides the question: nothing when all share, else who asks.

    A caller whom nobody has named is told from others by what it shows; who shows nothing has the empty scope.
    """
    return "" if shared else call.tenant or call.headers.get("Authorization", "")
