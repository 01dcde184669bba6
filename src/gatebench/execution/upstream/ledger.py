"""The books of a provider: every arrival is one row, however it ends."""

from __future__ import annotations

from gatebench.execution.upstream.attempt import Attempt
from gatebench.run.stream import StreamWriter
from gatebench.sample import NEVER, NO_ARRIVAL, UNFINISHED
from gatebench.stamp import find_request_id

_MOST_ORDINAL = 0xFFFF
_MOST_SEEN = 0xFFFF


class Ledger:
    """Counts arrivals, remembers the attempts in flight, and writes one row when an attempt ends.

    Request ids of another run than `run` are foreign: their attempts have rows without an arrival. One of n `processes`
    behind a name counts its ordinals from `first`, in steps of n: no two have one in common.
    """

    def __init__(self, provider: str, writer: StreamWriter, run: str, first: int = 1, processes: int = 1) -> None:
        self._provider = provider.encode()
        self._writer = writer
        self._run = run
        self._seen: dict[int, int] = {}
        self._in_flight: dict[int, Attempt] = {}
        self._step = processes
        self._before = self._ordinal = first - processes

    @property
    def attempts(self) -> int:
        """Arrivals so far."""
        return (self._ordinal - self._before) // self._step

    @property
    def in_flight(self) -> int:
        """Attempts that are held and have not ended."""
        return len(self._in_flight)

    @property
    def rows(self) -> int:
        """Rows handed to the operating system."""
        return self._writer.rows

    def arrive(self, id_carrier: bytes, connection: int, arrived_ns: int) -> Attempt:
        """Open the attempt of one arrival; `id_carrier` is the text that may hold its request id.

        The caller either ends it before anything else happens, or holds it.
        """
        self._ordinal = ordinal = self._ordinal + self._step
        found = find_request_id(id_carrier) if id_carrier else None
        seen = 0
        if found is not None and (
            found.run != self._run or found.arrival_id >= NO_ARRIVAL or found.ordinal > _MOST_ORDINAL
        ):
            found = None  # of another run, or with numbers that no column holds, which were never ours
        if found is not None:
            # One integer instead of the id, for a run of millions must fit into memory; the arrival in its low bits, for
            # these are what a dictionary finds its place by.
            name = found.arrival_id | (found.ordinal << 32) | (found.kind << 48)
            self._seen[name] = seen = self._seen.get(name, 0) + 1
            seen = min(seen, _MOST_SEEN)
        return Attempt(self._provider, ordinal, arrived_ns, connection, request_id=found, seen=seen)

    def hold(self, attempt: Attempt) -> None:
        """Keep an attempt that is not answered at once: it is in flight until it ends."""
        self._in_flight[attempt.ordinal] = attempt

    def end(self, attempt: Attempt, end: int, ended_ns: int) -> None:
        """Write the row of `attempt`; harmless when it has ended already."""
        if attempt.ended:
            return
        attempt.ended = True
        self._in_flight.pop(attempt.ordinal, None)
        self._writer.append(*attempt.row(ended_ns, end))

    def flush(self) -> None:
        """Hand the rows so far to the operating system: a kill loses at most what comes after."""
        self._writer.flush()

    def close(self) -> None:
        """Write the attempts in flight as such and close the stream; harmless when already closed."""
        for attempt in list(self._in_flight.values()):
            self.end(attempt, UNFINISHED, NEVER)
        self._writer.close()
