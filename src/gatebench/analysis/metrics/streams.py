"""Streams: when the first token came, and the longest silence between two tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatebench.analysis.metrics.latency import distribution
from gatebench.sample import NEVER

if TYPE_CHECKING:
    import pandas as pd

US_PER_MS = 1000.0


@distribution("ttft", "Time to first token", quiet=True)
def ttft_ms(rows: pd.DataFrame) -> pd.Series[float]:
    """First content event - due, of the streams that had one."""
    began = rows[rows["first_token_ns"] != NEVER]
    return (began["first_token_ns"] - began["due_ns"]) / 1e6


@distribution("gap", "Longest gap of a stream", quiet=True)
def gap_ms(rows: pd.DataFrame) -> pd.Series[float]:
    """Longest time between two content events of each stream that had at least two."""
    flowing = rows[rows["tokens"] > 1]
    return flowing["gap_max_us"] / US_PER_MS
