"""Calls for the tests of the stages, and a last stage that answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from multidict import CIMultiDict, CIMultiDictProxy

from targets.reference.refgate.answer import Answer, Whole
from targets.reference.refgate.call import Call, take_in
from targets.reference.refgate.stage import Stage

CHAT = "/v1/chat/completions"


class Clock:
    """Time that stands still until it is told."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def make_call(
    tenant: str = "", *, body: bytes = b"{}", method: str = "POST", path: str = CHAT, tier: str = "", **headers: str
) -> Call:
    """Return a call of `tenant` with `headers` (x_priority="low" is x-priority: low)."""
    fields = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    if tenant:
        fields["x-gatebench-tenant"] = tenant
    call = take_in(method, path, CIMultiDictProxy(fields), body, 1000.0)
    call.tier = tier
    return call


def fine(body: bytes = b'{"ok": true}') -> Whole:
    """Return an answer that is fine."""
    return Whole(200, CIMultiDict({"Content-Type": "application/json"}), body)


@dataclass
class Last:
    """The end of a pipeline: answers what it is told to and remembers who came."""

    answer: Callable[[], Answer] = fine
    calls: list[Call] = field(default_factory=list)

    async def __call__(self, call: Call) -> Answer:
        """Answer."""
        self.calls.append(call)
        return self.answer()


def pass_through(stage: Stage, call: Call, last: Last | None = None, outcome: str | None = "ok") -> Answer:
    """Return what `stage` answers; the call then ends with `outcome`, or goes on for None."""

    async def one() -> Answer:
        answer = await stage(call, last or Last())
        if outcome is not None:
            call.ended(outcome)
        return answer

    return asyncio.run(one())
