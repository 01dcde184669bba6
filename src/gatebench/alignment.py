"""How two monotonic clocks lie to each other, from messages that went there and back, and how wrong that can be.

The offset of a worker is its clock minus the run's clock. One exchange gives it with a hard bound (Cristian,
"Probabilistic clock synchronization", Distributed Computing 3, 1989; RFC 5905 section 8 has the same four times):

    asked ──▶ heard        heard − asked = way there + offset
    returned ◀── answered  answered − returned = offset − way back

Their mean is offset + (way there − way back) / 2. Both ways take no less than nothing, so the estimate is wrong by at
most half of the round trip, however unequal the ways are. The quickest exchange of many has the smallest bound.

Between a reading before the load and one after it the offset is taken to change evenly. Exchanges during the load check
that: by how much the worst of them lies outside is added to the error.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

Times = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Exchange:
    """One question and its answer, nanoseconds: `asked` and `returned` on the run's clock, the others on the worker's."""

    asked_ns: int
    heard_ns: int
    answered_ns: int
    returned_ns: int

    @property
    def round_trip_ns(self) -> int:
        """The time on the way, both ways together."""
        return (self.returned_ns - self.asked_ns) - (self.answered_ns - self.heard_ns)

    @property
    def offset_ns(self) -> int:
        """The worker's clock minus the run's, wrong by at most half of the round trip."""
        return (self.heard_ns - self.asked_ns + self.answered_ns - self.returned_ns) // 2

    @property
    def middle_ns(self) -> int:
        """When the exchange took place, on the run's clock."""
        return (self.asked_ns + self.returned_ns) // 2


class Reading(BaseModel):
    """An offset, taken at `at_ns` of the run's clock; the true one is at most `error_ns` away."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_ns: int
    offset_ns: int
    error_ns: int = Field(ge=0)
    round_trip_ns: int = Field(ge=0)
    exchanges: int = Field(ge=1)


class Alignment(BaseModel):
    """How a worker's times become the run's.

    `same` says that both read one clock: then offset and error are exactly 0. `drift_ns` is by how much the offset
    changed between the readings, None where only one was taken. `error_ns` holds for every moment between them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    same: bool = False
    offset_ns: int = 0
    error_ns: int = 0
    drift_ns: int | None = None
    checked: int = 0
    excess_ns: int = 0
    before: Reading | None = None
    after: Reading | None = None

    def offsets_ns(self, worker_ns: Times) -> Times:
        """Return the offset at each of the worker's times."""
        if self.same or self.before is None:
            return np.full(len(worker_ns), 0 if self.same else self.offset_ns, dtype=np.int64)
        if self.after is None or self.after.at_ns == self.before.at_ns:
            return np.full(len(worker_ns), self.before.offset_ns, dtype=np.int64)
        first = self.before.at_ns + self.before.offset_ns
        length = self.after.at_ns + self.after.offset_ns - first
        change = self.after.offset_ns - self.before.offset_ns
        # The differences are exact in a float (below 2^53 ns, a hundred days); the offsets themselves stay integers.
        moved = np.rint((worker_ns - first).astype(np.float64) * (change / length)).astype(np.int64)
        return self.before.offset_ns + moved

    def to_run(self, worker_ns: Times) -> Times:
        """Return the worker's times on the run's clock."""
        return worker_ns if self.same else worker_ns - self.offsets_ns(worker_ns)


ONE_CLOCK = Alignment(same=True, drift_ns=0)


def reading(exchanges: Sequence[Exchange]) -> Reading:
    """Return what the quickest exchange says; a round trip below nothing, of a clock that stepped, counts as none."""
    best = min(exchanges, key=lambda exchange: exchange.round_trip_ns)
    round_trip_ns = max(0, best.round_trip_ns)
    return Reading(
        at_ns=best.middle_ns,
        offset_ns=best.offset_ns,
        error_ns=-(-round_trip_ns // 2) + 1,  # a nanosecond for the halves that the integers dropped
        round_trip_ns=round_trip_ns,
        exchanges=len(exchanges),
    )


def align(
    before: Reading, after: Reading | None = None, between: Iterable[Exchange] = (), *, one_clock: bool = False
) -> Alignment:
    """Return the alignment of a worker.

    `one_clock` says that both sides name the same clock. That is believed when the reading allows it: an offset of
    nothing must lie within its bound (a copied virtual machine may carry its twin's name, but not its clock).
    """
    if one_clock and abs(before.offset_ns) <= before.error_ns:
        return Alignment(same=True, drift_ns=0, before=before, after=after)
    plain = Alignment(
        offset_ns=before.offset_ns,
        error_ns=_error_ns(before, after),
        drift_ns=after.offset_ns - before.offset_ns if after else None,
        before=before,
        after=after,
    )
    between = list(between)
    excess_ns = max((_outside_ns(plain, exchange) for exchange in between), default=0)
    return plain.model_copy(
        update={"checked": len(between), "excess_ns": excess_ns, "error_ns": plain.error_ns + excess_ns}
    )


def _error_ns(before: Reading, after: Reading | None) -> int:
    """Return the error that holds for every moment between two readings.

    On a line between two points, that of the worse point; and as the place on the line is looked up by a worker's time
    that is itself that much uncertain, the line's slope times it.
    """
    if after is None or after.at_ns <= before.at_ns:
        return before.error_ns
    worse = max(before.error_ns, after.error_ns)
    change_ns, length_ns = abs(after.offset_ns - before.offset_ns), after.at_ns - before.at_ns
    return worse + -(-worse * change_ns // length_ns)


def _outside_ns(alignment: Alignment, exchange: Exchange) -> int:
    """Return by how much the alignment lies outside of what an exchange allows, its own error granted."""
    offset_ns = int(alignment.offsets_ns(np.array([exchange.heard_ns], dtype=np.int64))[0])
    most, least = exchange.heard_ns - exchange.asked_ns, exchange.answered_ns - exchange.returned_ns
    return max(0, max(offset_ns - most, least - offset_ns) - alignment.error_ns)
