"""The faults that are on at a provider: since when, until when, and whom they hit. Pure: the clock is an argument."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gatebench.execution.upstream.attempt import Attempt
from gatebench.execution.upstream.faults.contract import HEALTHY, Fault
from gatebench.sample import NEVER


@dataclass(slots=True, eq=False)
class ActiveFault:
    """One fault that is or was on. Times are nanoseconds of the monotonic clock; `ended_ns` is -1 while it is on.

    `matched` counts the requests that it is about, `hits` those that it hit. `memory` is the fault's own. Whoever is
    in `waiting` is called when it ends before its time.
    """

    id: str
    mechanism: str
    fault: Fault
    code: int
    since_ns: int
    expires_ns: int
    share: int = 1
    matched: int = 0
    hits: int = 0
    ended_ns: int = NEVER
    memory: dict[Any, Any] = field(default_factory=dict)
    waiting: set[Callable[[], None]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Cleared:
    """What became of a fault that somebody cleared; `cleared_ns` is when it ended, by that or before."""

    cleared_ns: int
    was_active: bool
    hits: int


class ActiveFaults:
    """Faults by their id. `ids` is the vocabulary of the ledger's fault column: no row could name an id outside it.

    A fault ends at its time to live without anybody's doing: whoever asks is told what is on at that moment. `share` is
    the number of processes behind the provider's name.
    """

    def __init__(self, seed: int, ids: Sequence[str], share: int = 1) -> None:
        self._key = hashlib.blake2b(str(seed).encode(), digest_size=32).digest()
        self._codes = {id_: code for code, id_ in enumerate(ids) if id_}
        self._share = share
        self._on: dict[str, ActiveFault] = {}
        self._ended: dict[str, ActiveFault] = {}

    @property
    def any(self) -> bool:
        """Some fault may be on: the cheap question before `hitting`."""
        return bool(self._on)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids that a fault may have."""
        return tuple(self._codes)

    def put(self, id_: str, mechanism: str, fault: Fault, now_ns: int, ttl_ns: int) -> ActiveFault:
        """Switch a fault on, or renew it: one that is on keeps its beginning, its counts and its memory.

        Raises KeyError for an id outside the vocabulary.
        """
        self.expire(now_ns)
        active = self._on.get(id_)
        if active is None:
            active = ActiveFault(id_, mechanism, fault, self._codes[id_], now_ns, now_ns + ttl_ns, self._share)
            self._on[id_] = active
            return active
        if active.mechanism != mechanism:
            active.memory.clear()
        active.mechanism, active.fault, active.expires_ns = mechanism, fault, now_ns + ttl_ns
        return active

    def clear(self, id_: str, now_ns: int) -> Cleared:
        """Switch a fault off; harmless when it is off or was never on."""
        self.expire(now_ns)
        active = self._on.get(id_)
        if active is not None:
            self._end(active, now_ns)
        ended = self._ended.get(id_)
        if ended is None:
            return Cleared(now_ns, False, 0)
        return Cleared(ended.ended_ns, active is not None, ended.hits)

    def on(self, now_ns: int) -> list[ActiveFault]:
        """Return the faults that are on at `now_ns`, in the order in which they came."""
        if self._on:
            self.expire(now_ns)
        return list(self._on.values())

    def hitting(self, attempt: Attempt, now_ns: int, canary: str = "") -> list[ActiveFault]:
        """Return the faults that hit `attempt`, count the hits, and note the last of them in it.

        `canary` is the id of the fault that the attempt is to prove: that one alone hits it, if it is on, and counts
        nothing.
        """
        on = self.on(now_ns)
        if canary:
            hitting = [active for active in on if active.id == canary]
        else:
            hitting = [active for active in on if self._hits(active, attempt)]
            for active in hitting:
                active.hits += 1
        if hitting:
            attempt.fault = hitting[-1].code
        return hitting

    def health(self, now_ns: int) -> int:
        """Return the status of /health: 200, or what the first fault that is about it says."""
        return next((said for active in self.on(now_ns) if (said := active.fault.health()) != HEALTHY), HEALTHY)

    def expire(self, now_ns: int) -> None:
        """End what has reached its time to live."""
        for active in [active for active in self._on.values() if active.expires_ns <= now_ns]:
            self._end(active, active.expires_ns)

    def _end(self, active: ActiveFault, ended_ns: int) -> None:
        active.ended_ns = ended_ns
        active.memory.clear()
        self._ended[active.id] = self._on.pop(active.id)
        for wake in tuple(active.waiting):
            wake()

    def _hits(self, active: ActiveFault, attempt: Attempt) -> bool:
        """Tell whether `attempt` is a victim: a hash of the seed, the fault and the request, as a share of its range.

        The fault's id is part of it, so that two faults of probability 1/2 do not hit the same half.
        """
        fault = active.fault
        if not fault.matches(attempt):
            return False
        active.matched += 1
        if fault.nth > 1 and active.matched % fault.nth:
            return False
        if fault.probability >= 1:
            return True
        text = active.id.encode() + b"\n" + attempt.request_key()
        digest = hashlib.blake2b(text, key=self._key, digest_size=8).digest()
        return int.from_bytes(digest, "big") < fault.probability * 2**64
