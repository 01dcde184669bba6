"""What the way through the gateway does to the rhythm of a stream: the client's times beside its provider's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatebench.analysis.columns import numbers
from gatebench.analysis.makers import no_attempts, with_makers
from gatebench.analysis.metrics.latency import at_percentile
from gatebench.analysis.metrics.registry import Measured, Scope, metric, unknown
from gatebench.sample import NEVER
from gatebench.stats import Floats

if TYPE_CHECKING:
    import pandas as pd


def _pairs(scope: Scope) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the streams with a token, and the attempts that made them for them."""
    rows = scope.rows
    rows, made = with_makers(scope.tables, rows[rows["first_token_ns"] != NEVER], own=True)
    keep = (made["first_token_ns"] != NEVER).to_numpy()
    return rows[keep], made[keep]


def _ttft_ms(scope: Scope) -> Floats:
    rows, made = _pairs(scope)
    return (numbers(rows["first_token_ns"]) - numbers(made["first_token_ns"])) / 1e6


def _gaps_ms(scope: Scope) -> Floats:
    rows, made = _pairs(scope)
    keep = (rows["tokens"] > 1).to_numpy()
    return (numbers(rows["gap_max_us"])[keep] - numbers(made["gap_max_us"])[keep]) / 1000.0


def latest_first_token(scope: Scope) -> pd.DataFrame:
    """Streams whose first token was held back longest."""
    rows, _ = _pairs(scope)
    return rows.iloc[(-_ttft_ms(scope)).argsort(kind="stable")]


def _percentile(scope: Scope, series: Floats, name: str) -> Measured:
    return at_percentile(series, name) if len(series) else unknown(no_attempts(scope.tables) or "no stream had a token")


@metric(unit="ms", better="lower", title="First token held back p50", offenders=latest_first_token, quiet=True)
def ttft_added_p50_ms(scope: Scope) -> Measured:
    """Time of the first token at the client - time at which the provider wrote it; p50 of the streams that had one.
    A gateway that collects a stream before it passes it on shows here. Answers out of a cache are left out.
    """
    return _percentile(scope, _ttft_ms(scope), "p50")


@metric(unit="ms", better="lower", title="First token held back p99", offenders=latest_first_token, quiet=True)
def ttft_added_p99_ms(scope: Scope) -> Measured:
    """As ttft_added_p50_ms, p99; at least 100 streams."""
    return _percentile(scope, _ttft_ms(scope), "p99")


@metric(unit="ms", better="lower", title="Gaps made longer p99", quiet=True)
def gap_added_p99_ms(scope: Scope) -> Measured:
    """Longest gap of a stream at the client - longest gap between its provider's writes; p99. Negative where gaps were
    smoothed. At least 100 streams of two tokens.
    """
    return _percentile(scope, _gaps_ms(scope), "p99")
