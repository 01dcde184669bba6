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
        self._gap_s = 1 / rate_per_s(probe.pace)
        self._patience_s = duration_s(probe.patience)

    async def run(self, t0_ns: int) -> None:
        """Ask from `t0_ns` to the end of the load."""
        end_ns = t0_ns + self._plan.load.duration_ns
        await asyncio.sleep(max(0.0, (t0_ns - time.monotonic_ns()) / 1e9))
        arrival = 0
        while time.monotonic_ns() < end_ns:
            flight = self._flight(arrival, 0)
            began_ns = time.monotonic_ns()
            await self._fly(flight)
            arrival += 1
            wait_s = self._gap_s - (time.monotonic_ns() - began_ns) / 1e9
            if flight.answer.outcome == REJECTED:
                says_s = claims(flight.answer.head).retry_after_s
                heard = says_s != NO_RETRY_AFTER and says_s <= self._patience_s
                await asyncio.sleep(says_s if heard else _REST_S)
                if heard and time.monotonic_ns() < end_ns:
                    await self._fly(self._flight(flight.arrival_id, 1))
            await asyncio.sleep(max(0.0, wait_s))

    def _flight(self, arrival_id: int, ordinal: int) -> Flight:
        request = self._generator.request(_OWN_PROMPTS + arrival_id, route=0, tenant=self._tenant)
        wire = self._wire.request(request, arrival_id, ordinal, _KIND)
        now_ns = time.monotonic_ns()
        return Flight(arrival_id, _KIND, 0, due_ns=now_ns, request=request, wire=wire, ordinal=ordinal)
