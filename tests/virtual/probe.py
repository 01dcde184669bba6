"""The reactive probe of the virtual world: asks as the real one does, over the virtual client's lines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from gatebench.execution.load.claims import claims
from gatebench.execution.load.flight import Flight
from gatebench.execution.load.wire import Wire
from gatebench.plan import Plan
from gatebench.probing import Reactive
from gatebench.sample import NO_RETRY_AFTER, REJECTED
from gatebench.stamp import KINDS
from gatebench.traffic import Generator
from gatebench.units import duration_s, rate_per_s

_KIND: Final = KINDS.index("reactive")
_OWN_PROMPTS: Final = 1 << 40
_REST_S: Final = 1.0


class VirtualProbe:
    """Burns its limit, waits as long as it is told to, and asks again; `fly` carries and records a request."""

    def __init__(self, plan: Plan, probe: Reactive, wire: Wire, fly: Callable[[Flight], Awaitable[None]]) -> None:
        self._plan, self._wire, self._fly = plan, wire, fly
        self._generator = Generator(plan.traffic, plan.seed)
        self._tenant = len(plan.traffic.tenant_names())
        self._gap_ns = round(1e9 / rate_per_s(probe.pace))
        self._arrivals = 0
        self._patience_s = duration_s(probe.patience)

    async def run(self, t0_ns: int) -> None:
        """Ask from `t0_ns` to the end of the load."""
        end_ns = t0_ns + self._plan.load.duration_ns
        await _until(t0_ns)
        while time.monotonic_ns() < end_ns:
            refused = await self._burn(end_ns)
            if refused is not None:
                await self._come_back(refused, end_ns)

    async def _burn(self, end_ns: int) -> Flight | None:
        """Ask at the pace until something is refused; return that, or None at the end. What is still out is waited for."""
        refused: list[Flight] = []
        out: set[asyncio.Task[None]] = set()
        due_ns = time.monotonic_ns()
        while not refused and due_ns < end_ns:
            await _until(due_ns)
            task = asyncio.create_task(self._carry(self._flight(self._arrivals, 0, due_ns), refused))
            out.add(task)
            task.add_done_callback(out.discard)
            self._arrivals += 1
            due_ns += self._gap_ns
        if out:
            await asyncio.wait(out)
        return refused[0] if refused else None

    async def _come_back(self, refused: Flight, end_ns: int) -> None:
        """Wait as long as the refusal says and send the same request again; without such a word, rest."""
        says_s = claims(refused.answer.head).retry_after_s
        heard = says_s != NO_RETRY_AFTER and says_s <= self._patience_s
        due_ns = refused.answer.done_ns + round((says_s if heard else _REST_S) * 1e9)
        await _until(min(due_ns, end_ns))
        if heard and due_ns < end_ns:
            await self._fly(self._flight(refused.arrival_id, 1, due_ns))

    async def _carry(self, flight: Flight, refused: list[Flight]) -> None:
        await self._fly(flight)
        if flight.answer.outcome == REJECTED:
            refused.append(flight)

    def _flight(self, arrival_id: int, ordinal: int, due_ns: int) -> Flight:
        request = self._generator.request(_OWN_PROMPTS + arrival_id, route=0, tenant=self._tenant)
        wire = self._wire.request(request, arrival_id, ordinal, _KIND)
        return Flight(arrival_id, _KIND, 0, due_ns=due_ns, request=request, wire=wire, ordinal=ordinal)


async def _until(at_ns: int) -> None:
    await asyncio.sleep(max(0.0, (at_ns - time.monotonic_ns()) / 1e9))
