"""What each key of a limiter asked and was given: the rows of a run as the limiter's oracle needs them.

A row is `admitted` when it was surely passed on: a provider saw it, or a complete answer came. It is `refused` when the
gateway itself answered 429: no provider made that answer (it would carry its stamp), and none saw the request. What is
neither (a 503 that no provider saw, a timeout) was not proven to be either; it may have been admitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from gatebench.analysis.columns import values_of
from gatebench.oracles.limiter.concurrency import replay_in_flight
from gatebench.oracles.limiter.limit import Limit, limit_of
from gatebench.oracles.limiter.over_admission import RESOLUTION_NS, error, over_admission
from gatebench.oracles.limiter.over_flight import most_in_flight, over_flight, unsure
from gatebench.oracles.limiter.over_log import most_in_a_period
from gatebench.oracles.limiter.refusals import false_refusals, false_refusals_in_flight
from gatebench.oracles.limiter.replaying import quota_error, replayed
from gatebench.oracles.limiter.spans import Spans, Times
from gatebench.sample import NEVER

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.analysis.tables import RunTables
    from gatebench.plan import Plan

Flags = npt.NDArray[np.bool_]
_LATE_RELEASE_NS: Final = 10_000_000
_TENANT: Final = "tenant-"


@dataclass(frozen=True)
class LimitedKey:
    """One tenant's requests that were sent, in order of due time, and its limit (None: it has none).

    `rows` are rows of `RunTables.samples`; all arrays go with them. `since_ns` to `until_ns` is when a request surely was in
    flight behind the gateway, `released_ns` when it surely no longer was.
    """

    tenant: str
    limit: Limit | None
    rows: pd.DataFrame = field(repr=False)
    spans: Spans = field(repr=False)
    admitted: Flags = field(repr=False)
    refused: Flags = field(repr=False)
    since_ns: Times = field(repr=False)
    until_ns: Times = field(repr=False)
    released_ns: Times = field(repr=False)

    def due_before(self, due_ns: int) -> Flags:
        """Tell which rows were due before that moment."""
        return np.asarray(self.rows["due_ns"].to_numpy() < due_ns)

    def over(self, among: Flags) -> float:
        """Return what was admitted beyond the limit, of the rows `among`."""
        if self.limit is None:
            return 0.0
        chosen = self.admitted & among
        if self.limit.algorithm == "concurrency":
            return float(over_flight(self.since_ns[chosen], self.until_ns[chosen], self.limit.limit))
        excess = over_admission(self.limit, self.spans.where(chosen))
        return max(0.0, excess - self._afterwards(chosen)) if excess else 0.0

    def error(self, among: Flags) -> float:
        """Return how much that may be too low."""
        if self.limit is None:
            return 0.0
        chosen = self.admitted & among
        if self.limit.algorithm == "concurrency":
            since_ns, until_ns = self.since_ns[chosen], self.until_ns[chosen]
            begun_ns, released_ns = self.spans.lo_ns[chosen], self.released_ns[chosen]
            return float(unsure(since_ns, until_ns, begun_ns, released_ns, self.limit.limit))
        return error(self.limit, self.spans.where(chosen))

    def most_in_a_period(self, among: Flags) -> int:
        """Return the most that was surely admitted within one period."""
        limit = self.limit
        if limit is None:
            return 0
        chosen = self.admitted & among
        if limit.algorithm == "concurrency":
            return most_in_flight(self.since_ns[chosen], self.until_ns[chosen])
        return most_in_a_period(self.spans.where(chosen), limit.period_ns)

    @cached_property
    def replayed(self) -> Flags:
        """Which rows the declared algorithm admits, of all that were decided; True where nothing is limited."""
        decided = self.admitted | self.refused
        found = np.zeros(len(self.rows), np.bool_)
        if self.limit is None:
            found[decided] = True
        elif self.limit.algorithm == "concurrency":
            lasting = np.median((self.released_ns - self.spans.lo_ns)[self.admitted]) if self.admitted.any() else 0
            ends = np.where(self.admitted, self.released_ns - _LATE_RELEASE_NS, self.spans.lo_ns + int(lasting))
            begins = self.spans.lo_ns[decided]
            order = np.argsort(begins, kind="stable")
            of_decided = np.zeros(len(begins), np.bool_)
            of_decided[order] = replay_in_flight(
                self.limit.limit, begins[order].tolist(), ends[decided][order].tolist()
            )
            found[decided] = of_decided
        else:
            found[decided] = replayed(self.limit, self.spans.where(decided))
        return found

    def quota_error(self) -> int:
        """Return by how many requests what was admitted differs from what the declared algorithm admits."""
        if self.limit is None or self.limit.algorithm == "concurrency":
            return abs(int(self.replayed.sum()) - int(self.admitted.sum()))
        decided = self.admitted | self.refused
        return quota_error(self.limit, self.spans.where(decided), self.admitted[decided])

    @cached_property
    def falsely_refused(self) -> Flags:
        """Which rows were refused though the limiter surely had room, see `gatebench.oracles.limiter.refusals`."""
        found = np.zeros(len(self.rows), np.bool_)
        if not self.refused.any():
            return found
        if self.limit is None:
            return self.refused
        maybe, refused = ~self.refused, self.spans.where(self.refused)
        if self.limit.algorithm == "concurrency":
            begun, over = self.spans.lo_ns[maybe], self.released_ns[maybe]
            found[self.refused] = false_refusals_in_flight(self.limit.limit, begun, over, refused)
        else:
            found[self.refused] = false_refusals(self.limit, self.spans.where(maybe), refused)
        return found

    @property
    def legitimate(self) -> bool:
        """Whether the key keeps within its limit: the model refuses at most one in a hundred of its requests."""
        decided = int((self.admitted | self.refused).sum())
        return decided - int(self.replayed.sum()) <= decided / 100

    @property
    def flooding(self) -> bool:
        """Whether the key asks for much more than its limit: the model refuses a tenth of its requests or more."""
        decided = int((self.admitted | self.refused).sum())
        return decided > 0 and decided - int(self.replayed.sum()) >= decided / 10

    def _afterwards(self, chosen: Flags) -> float:
        """Return the tokens that may be too many because what an answer costs is known only when it is over."""
        if self.limit is None or self.limit.counts != "tokens" or not chosen.any():
            return 0.0
        together = most_in_flight(self.spans.lo_ns[chosen], self.released_ns[chosen])
        return float(together * self.spans.cost[chosen].max())


def tenants(tables: RunTables) -> list[str]:
    """Return the tenants that sent anything to the target, in order."""

    def find() -> list[str]:
        rows = tables.at_target
        sent = rows.loc[values_of(rows, "sent_ns") != NEVER, "tenant"]
        return sorted(set(sent.unique().astype(str)))

    return tables.kept("tenants", find)


def limited_keys(tables: RunTables) -> Mapping[str, LimitedKey]:
    """Return the tenants of a run by name. Raises ValueError when what is declared cannot be understood."""
    rows = tables.at_target[tables.at_target["sent_ns"] != NEVER]
    seen = _seen(tables, rows)
    names = rows["tenant"].astype(str).to_numpy()
    return {name: _key(tables, name, rows[names == name], seen[names == name]) for name in sorted(set(names))}


def _seen(tables: RunTables, rows: pd.DataFrame) -> pd.DataFrame:
    """Return what the providers saw of each row: first arrival, last end (NEVER without one), tokens."""
    import pandas as pd  # names alone do not need it

    nothing = pd.DataFrame({"first_ns": NEVER, "last_ns": NEVER, "tokens": 0}, index=rows.index, dtype=np.int64)
    attempts = tables.attempts
    if attempts is None or attempts.empty:
        return nothing
    own = attempts[attempts["sample"] >= 0]
    grouped = own.assign(tokens=own["tokens_in"].astype(np.int64) + own["tokens_out"].astype(np.int64)).groupby(
        "sample"
    )
    found = grouped.agg(first_ns=("arrived_ns", "min"), last_ns=("ended_ns", "max"), tokens=("tokens", "sum"))
    return found.reindex(rows.index).fillna({"first_ns": NEVER, "last_ns": NEVER, "tokens": 0}).astype(np.int64)


def _key(tables: RunTables, tenant: str, rows: pd.DataFrame, seen: pd.DataFrame) -> LimitedKey:
    limit = limit_of_tenant(tables.plan, tenant)
    sent, first_byte, done = (rows[name].to_numpy(np.int64) for name in ("sent_ns", "first_byte_ns", "done_ns"))
    done = np.where(done == NEVER, sent + tables.plan.load.deadlines.total_ns, done)
    first, last = seen["first_ns"].to_numpy(np.int64), seen["last_ns"].to_numpy(np.int64)
    passed = (first != NEVER) | rows["provider"].notna().to_numpy() | rows["complete"].to_numpy(np.bool_)
    if not (tables.has_ledger and tables.ids_arrive):  # then nobody can say that no provider saw it
        answered = (rows["status"] != 0) & (rows["outcome"] != "rejected")
        passed |= answered.to_numpy(np.bool_)
    refused = (rows["outcome"] == "rejected").to_numpy(np.bool_) & ~passed
    decided = np.where(first_byte == NEVER, done, first_byte)
    decided = np.where(first == NEVER, decided, np.minimum(first, decided))
    by_tokens = limit is not None and limit.counts == "tokens"
    cost = _tokens(rows, seen, passed) if by_tokens else np.ones(len(rows), np.int64)
    ended = np.maximum(done, last)
    return LimitedKey(
        tenant=tenant,
        limit=limit,
        rows=rows,
        spans=Spans.of(sent, ended if by_tokens else decided, cost),
        admitted=np.asarray(passed),
        refused=np.asarray(refused),
        since_ns=np.where(first == NEVER, ended, first),
        until_ns=np.where(first == NEVER, sent, last) - RESOLUTION_NS,
        released_ns=ended + _LATE_RELEASE_NS,
    )


def _tokens(rows: pd.DataFrame, seen: pd.DataFrame, passed: Flags) -> Times:
    """Return what each request costs in tokens, read and written, by the providers' books; the median where none was made."""
    there = seen["tokens"].to_numpy(np.int64)
    made = passed & (there > 0)
    usual = int(np.median(there[made])) if made.any() else 1
    return np.where(there > 0, there, np.where(rows["outcome"] == "ok", 0, usual)).astype(np.int64)


def limit_of_tenant(plan: Plan, tenant: str) -> Limit | None:
    """Return the declared limit of a tenant, by its tier; tiers are dealt to the tenants in turn."""
    number = tenant.removeprefix(_TENANT)
    tier = plan.tiers[int(number) % len(plan.tiers)] if plan.tiers and number.isdigit() else ""
    return limit_of(plan.declared.get("limiter", {}), tier)
