"""Stalls: a stream that falls silent for much longer than between two tokens, and whose silence that was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.columns import numbers
from gatebench.analysis.makers import no_attempts, with_makers
from gatebench.analysis.metrics.registry import Measured, Scope, metric, unknown
from gatebench.analysis.metrics.shares import share
from gatebench.analysis.metrics.streams import US_PER_MS
from gatebench.sample import NEVER

if TYPE_CHECKING:
    import pandas as pd

LEAST_STREAMS: Final = 20
STALL: Final = 10.0
"""A gap is a stall from this many usual gaps on ..."""
LEAST_STALL_MS: Final = 100.0
"""... if it is at least this long, which is where people begin to notice (Card, Moran and Newell, 1983)."""
_LEAST_GAP_MS: Final = 0.1


def _flowing(scope: Scope) -> pd.DataFrame:
    rows = scope.rows
    return rows[(rows["tokens"] > 2) & (rows["done_ns"] != NEVER)]


def usual_gap_ms(rows: pd.DataFrame) -> float:
    """Return the median over streams of (end - first token) ÷ (tokens - 1), milliseconds; 0 without any."""
    if rows.empty:
        return 0.0
    spans = numbers(rows["done_ns"] - rows["first_token_ns"]) / 1e6
    return float(np.median(spans / (numbers(rows["tokens"]) - 1)))


def stalled(scope: Scope) -> pd.DataFrame:
    """Streams with a gap of at least ten usual ones and 100 ms, the longest first."""
    rows = _flowing(scope)
    found = rows[rows["gap_max_us"] >= max(LEAST_STALL_MS, STALL * usual_gap_ms(rows)) * US_PER_MS]
    return found.sort_values("gap_max_us", ascending=False, kind="stable")


def stalled_by_gateway(scope: Scope) -> pd.DataFrame:
    """Stalled streams whose provider wrote without such a gap: its longest was less than half of the client's."""
    rows, made = with_makers(scope.tables, stalled(scope), own=True)
    return rows[numbers(made["gap_max_us"]) < numbers(rows["gap_max_us"]) / 2]


def _too_few(rows: pd.DataFrame) -> str:
    if len(rows) < LEAST_STREAMS:
        return f"stalls are looked for in at least {LEAST_STREAMS} streams of three tokens; here are {len(rows)}"
    if usual_gap_ms(rows) < _LEAST_GAP_MS:
        return "most streams bring all their tokens at once, so there is no usual gap; see the time to first token"
    return ""


@metric(unit="share", better="lower", title="Stalled streams", offenders=stalled, quiet=True)
def stalled_share(scope: Scope) -> Measured:
    """Streams whose longest gap is at least ten usual gaps and 100 ms ÷ streams of three tokens or more. The usual gap is the
    median over the streams of (end - first token) ÷ (tokens - 1). At least 20 streams.
    """
    rows = _flowing(scope)
    reason = _too_few(rows)
    return unknown(reason, len(rows)) if reason else share(len(stalled(scope)), len(rows))


@metric(unit="share", better="lower", title="Streams stalled by the gateway", offenders=stalled_by_gateway, quiet=True)
def stalls_added(scope: Scope) -> Measured:
    """Stalled streams whose provider wrote without such a gap (its longest is less than half of the client's) ÷ streams
    of three tokens or more: the silence was made on the way. At least 20 streams.
    """
    rows = _flowing(scope)
    reason = no_attempts(scope.tables) or _too_few(rows)
    return unknown(reason, len(rows)) if reason else share(len(stalled_by_gateway(scope)), len(rows))
