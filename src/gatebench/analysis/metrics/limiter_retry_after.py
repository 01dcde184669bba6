"""Retry-After: does who comes back exactly then get in, and could it have come earlier? Asked by the reactive probe."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from gatebench.analysis.columns import is_any, values_of
from gatebench.analysis.limited import LimitedKey, limit_of_tenant, tenants
from gatebench.analysis.metrics.limiter import ALL_ROUTES
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.oracles.limiter.waiting import bias_s, earliest_ns
from gatebench.sample import NO_RETRY_AFTER

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.analysis.tables import RunTables

LEAST: Final = 3
_NOT_ASKED: Final = "nobody asked: the scenario has no reactive=Reactive(...)"


class Round(NamedTuple):
    """A refusal of the probe's and the request that it sent again: rows of the key, by position."""

    refused: int
    again: int
    retry_after_s: int


def rounds(key: LimitedKey) -> list[Round]:
    """Return the refusals that named a Retry-After and were answered by a second request of the same arrival."""
    rows = key.rows
    probe = np.flatnonzero((rows["kind"] == "reactive").to_numpy())
    arrivals, ordinals = rows["arrival_id"].to_numpy(np.int64), rows["ordinal"].to_numpy(np.int64)
    waits = rows["retry_after_s"].to_numpy(np.int64)
    order = sorted(probe.tolist(), key=lambda place: (arrivals[place], ordinals[place]))
    return [
        Round(first, second, int(waits[first]))
        for first, second in pairwise(order)
        if arrivals[first] == arrivals[second] and key.refused[first] and waits[first] != NO_RETRY_AFTER
    ]


def probed(scope: Scope) -> tuple[list[tuple[LimitedKey, Round]], str]:
    """Return the rounds of the probe within the phase, or why there are none."""
    tables = scope.tables
    if scope.route is not None:
        return [], ALL_ROUTES
    try:
        for tenant in tenants(tables):
            limit_of_tenant(tables.plan, tenant)
        probes = is_any(values_of(tables.at_target, "kind"), ("reactive",)).any()
        keys = tables.keys.values() if probes else ()
    except ValueError as error:
        return [], f"what is declared of the limiter cannot be understood: {error}"
    reactive = [key for key in keys if (key.rows["kind"] == "reactive").any()]
    if not reactive:
        return [], _NOT_ASKED
    start_ns, end_ns = _window(tables, scope.phase)
    found = []
    for key in reactive:
        sent = key.rows["sent_ns"].to_numpy(np.int64) - tables.start_ns
        found += [(key, each) for each in rounds(key) if start_ns <= sent[each.refused] < end_ns]
    if found:
        return found, ""
    if any(key.refused.any() for key in reactive):
        return [], "no 429 of the gateway named a Retry-After and was followed by a second request"
    return [], "the probe was never refused"


def _window(tables: RunTables, phase: str | None) -> tuple[int, int]:
    if phase is None:
        return -(2**62), 2**62
    window = next((window for window in tables.windows if window.name == phase), None)
    return (window.start_ns, window.end_ns) if window else (0, 0)


def broken_promises(scope: Scope) -> pd.DataFrame:
    """Return the requests that came back exactly when they were told to, and were refused again."""
    found, _ = probed(scope)
    chosen = [key.rows.index[each.again] for key, each in found if key.refused[each.again]]
    return scope.tables.samples.loc[chosen]


@metric(unit="share", better="higher", title="Retry-After honesty", judged="exact", offenders=broken_promises)
def retry_after_honesty(scope: Scope) -> Measured:
    """Of the reactive probe's requests that were sent again exactly when the Retry-After of their 429 said: the share that
    was then admitted. The probe is a tenant of its own with no other load. It takes at least three.
    """
    found, reason = probed(scope)
    if len(found) < LEAST:
        return unknown(reason or f"the probe came back {len(found)} times; it takes {LEAST}", len(found))
    admitted = sum(not key.refused[each.again] for key, each in found)
    return known(
        admitted / len(found), len(found), why=f"{admitted} of {len(found)} got in when they were told to come"
    )


@metric(unit="s", better="lower", title="Retry-After bias", judged="exact", offenders=broken_promises)
def retry_after_bias_s(scope: Scope) -> Measured:
    """By how many seconds Retry-After is off the earliest moment at which the declared limiter admits the probe again, mean of
    the distances without sign; the words say which way. Naming whole seconds, rounded up, is no bias. Of windows, whose
    place nobody knows, only a wait beyond one period (two for a sliding counter) shows. It takes at least three.
    """
    found, reason = probed(scope)
    if len(found) < LEAST:
        return unknown(reason or f"the probe came back {len(found)} times; it takes {LEAST}", len(found))
    biases = []
    for key, each in found:
        if key.limit is None or key.limit.algorithm == "concurrency":
            return unknown("the probe's tenant has no limit in time", len(found))
        lo_ns, hi_ns = int(key.spans.lo_ns[each.refused]), int(key.spans.hi_ns[each.refused])
        before = key.admitted & (key.spans.lo_ns < lo_ns)
        biases.append(bias_s(each.retry_after_s, *earliest_ns(key.limit, key.spans.where(before), lo_ns, hi_ns)))
    value = float(np.mean(np.abs(biases)))
    late, early = sum(bias > 0 for bias in biases), sum(bias < 0 for bias in biases)
    return known(value, len(biases), why=f"{late} of {len(biases)} too late, {early} too early")
