"""The client of the virtual world: the schedule, the requests and the rows of the real one, over the virtual network."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

from gatebench.execution.load.answer import EOF, NO_CAUSE, READ_TIMEOUT, REFUSED, RESET, TOTAL_TIMEOUT
from gatebench.execution.load.arrivals import Arrivals
from gatebench.execution.load.flight import Flight
from gatebench.execution.load.recorder import Recorder
from gatebench.execution.load.reply import Reply
from gatebench.execution.load.wire import Wire
from gatebench.execution.secrets import Secrets, key_values
from gatebench.plan import Endpoint, Plan
from gatebench.run.stream import StreamWriter
from gatebench.sample import NEVER, SAMPLE, TARGET
from tests.virtual.network import End, Network
from tests.virtual.probe import VirtualProbe


class Line(asyncio.Protocol):
    """One connection to the gateway; `over` is set when the exchange on it is."""

    def __init__(self, ordinal: int) -> None:
        self.ordinal = ordinal
        self.reply = Reply()
        self.carried = 0
        self.lost = False
        self.heard_ns = self.first_ns = NEVER
        self.over: asyncio.Future[int] | None = None
        self.transport: End

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Parse."""
        self.heard_ns = time.monotonic_ns()
        if self.first_ns == NEVER:
            self.first_ns = self.heard_ns
        cause = self.reply.take(data, self.heard_ns)
        if self.reply.complete or cause != NO_CAUSE:
            self._end(cause)

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer closed: that may be how an answer ends."""
        self.lost = True
        cause = self.reply.take_eof()
        self._end(RESET if cause == EOF and self.first_ns == NEVER else cause)

    def _end(self, cause: int) -> None:
        if self.over is not None and not self.over.done():
            self.over.set_result(cause)


class VirtualClient:
    """Sends what the plan's schedule says, when it says so."""

    def __init__(self, plan: Plan, network: Network, port: int, path: Path) -> None:
        self._plan, self._network, self._port = plan, network, port
        words = plan.vocabularies()
        keys = key_values(plan.keys, plan.tenant_names(), "", [], plan.seed)
        wire = Wire(Endpoint(host="127.0.0.1", port=port), plan.token, plan.request_id, Secrets(keys=keys))
        self._arrivals = Arrivals(plan, 0, {TARGET: wire})
        self._probe = VirtualProbe(plan, plan.reactive, wire, self._fly) if plan.reactive is not None else None
        stream = StreamWriter(SAMPLE, path, words, {"worker": 0, "workers": 1, "pid": 1})
        self._recorder = Recorder(stream, words["provider"], words["tenant"])
        self._idle: list[Line] = []
        self._opened = 0

    async def run(self, t0_ns: int) -> None:
        """Send every arrival; return when the last one is over."""
        async with asyncio.TaskGroup() as flying:
            if self._probe is not None:
                flying.create_task(self._probe.run(t0_ns))
            for flight in self._arrivals.flights(t0_ns):
                wait_s = (flight.due_ns - time.monotonic_ns()) / 1e9
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                flying.create_task(self._fly(flight))
        for line in self._idle:
            line.transport.close()
        self._recorder.close()

    async def _fly(self, flight: Flight) -> None:
        answer, request, deadlines = flight.answer, flight.request, self._plan.load.deadlines
        answer.sent_ns = time.monotonic_ns()
        line = self._quiet()
        if line is None:
            try:
                self._opened += 1
                _, line = await self._network.connect(self._port, lambda: Line(self._opened))
            except OSError:
                answer.conclude(REFUSED, time.monotonic_ns(), stream=request.stream)
                self._recorder.record(flight)
                return
        assert isinstance(line, Line)
        line.reply.expect(stream=request.stream, bodiless=request.method == "HEAD")
        line.first_ns = line.heard_ns = NEVER
        line.over = asyncio.get_running_loop().create_future()
        answer.connection, answer.reused = line.ordinal, int(line.carried > 0)
        line.carried += 1
        line.transport.write(flight.wire)
        answer.bytes_sent = len(flight.wire)
        cause = await self._concluded(line, answer.sent_ns, deadlines.total_ns, deadlines.read_ns)
        line.reply.note(answer)
        answer.first_byte_ns = line.first_ns
        answer.bytes_received = len(answer.body) + len(answer.head)
        answer.conclude(cause, time.monotonic_ns(), stream=request.stream)
        if cause == NO_CAUSE and line.reply.reusable() and not line.lost:
            self._idle.append(line)
        else:
            line.transport.abort()
        self._recorder.record(flight)

    async def _concluded(self, line: Line, sent_ns: int, total_ns: int, read_ns: int) -> int:
        """Return the cause of the end: the answer's own, or the deadline that came first."""
        assert line.over is not None
        while not line.over.done():
            total_end_ns = sent_ns + total_ns
            silence_end_ns = max(line.heard_ns, sent_ns) + read_ns
            until_ns = min(total_end_ns, silence_end_ns)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, (until_ns - time.monotonic_ns()) / 1e9)):
                    return await asyncio.shield(line.over)
            if time.monotonic_ns() >= total_end_ns:
                return TOTAL_TIMEOUT
            if time.monotonic_ns() >= max(line.heard_ns, sent_ns) + read_ns:
                return READ_TIMEOUT
        return line.over.result()

    def _quiet(self) -> Line | None:
        while self._idle:
            line = self._idle.pop()
            if not line.lost and not line.transport.is_closing():
                return line
        return None
