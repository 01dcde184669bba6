"""Back-pressure: how far a provider is let run ahead of a client that reads slowly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.columns import numbers
from gatebench.analysis.makers import no_attempts, with_makers
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.sample import NEVER

if TYPE_CHECKING:
    import pandas as pd

LEAST_SLOW: Final = 5
_SETTLED_MS: Final = 500.0


def _read_ahead(scope: Scope) -> pd.DataFrame:
    """Return the streams that were read slowly with `ahead`, the bytes that the provider was ahead of the client.

    Of a stream that ended before its client left, it is what the client had yet to read when the provider had written
    all: bytes received × (client's end - provider's end) ÷ (client's end - first byte). Of one that the client left, it
    is the tokens that the provider had written and the client had not read, each as large as those that it did read;
    attempts that went on long after the client left are no measure of that.
    """
    slow = [route.name for route in scope.tables.plan.traffic.routes if route.read_bytes_per_s() and route.stream]
    rows = scope.rows if slow else scope.rows.iloc[:0]
    rows = rows[rows["route"].isin(slow) & (rows["tokens"] > 0) & (rows["done_ns"] != NEVER)]
    rows, made = with_makers(scope.tables, rows, own=True)
    done, ended = rows["done_ns"].to_numpy(np.int64), made["ended_ns"].to_numpy(np.int64)
    received, tokens = numbers(rows["bytes_received"]), numbers(rows["tokens"])
    whole = rows["complete"].to_numpy(np.bool_)
    span = np.maximum(1, done - rows["first_byte_ns"].to_numpy(np.int64))
    unread = received * np.clip((done - ended) / span, 0.0, 1.0)
    between = np.maximum(0.0, numbers(made["tokens_out"]) - tokens) * received / tokens
    rows = rows.assign(ahead=np.where(whole, unread, between))
    found: pd.DataFrame = rows[whole | ((ended - done) / 1e6 <= _SETTLED_MS)]
    return found.sort_values("ahead", ascending=False, kind="stable")


@metric(
    unit="bytes", better="lower", title="Read ahead of a slow client", judged="exact", offenders=_read_ahead, quiet=True
)
def read_ahead_bytes(scope: Scope) -> Measured:
    """The most that a provider was ahead of a client with a read_rate: bytes that stood in the gateway, in the links and
    in sockets. It tells who holds back only where streams are longer than the sockets of the path are deep, and Linux lets
    each grow to tens of megabytes (net.ipv4.tcp_rmem): see memory_growth_mb for what the gateway itself takes in. At least
    5 streams that were read slowly.
    """
    reason = no_attempts(scope.tables)
    if reason:
        return unknown(reason)
    found = _read_ahead(scope)
    if len(found) < LEAST_SLOW:
        return unknown(f"it takes {LEAST_SLOW} streams that are read slowly; here were {len(found)}", len(found))
    return known(float(found["ahead"].iloc[0]), len(found))
