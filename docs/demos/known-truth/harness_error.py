"""What the client measured against what the provider stamped, request by request: pure functions of a run's two tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gatebench.stats import percentile

Floats = npt.NDArray[np.float64]
_NS_PER_MS = 1e6


@dataclass(frozen=True)
class Error:
    """The distribution of (what we say - what happened), in milliseconds, one value a request."""

    name: str
    values_ms: Floats

    def line(self) -> str:
        """Return count, p50, p99 and maximum as one line of a table."""
        ordered = np.sort(self.values_ms)
        shown = " ".join(
            f"{value:10.3f}" for value in (percentile(ordered, 0.5), percentile(ordered, 0.99), ordered[-1])
        )
        return f"{self.name:<44} {len(ordered):>7} {shown}"


ERROR_HEAD = f"{'error, ms':<44} {'n':>7} {'p50':>10} {'p99':>10} {'maximum':>10}"


def measured(samples: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that count: of the load, answered completely."""
    return samples[(samples["kind"] == "load") & (samples["outcome"] == "ok")]


def service_error(samples: pd.DataFrame) -> Error:
    """(done - sent) - the service time in the answer's stamp."""
    rows = measured(samples)
    return Error("service time: (done - sent) - stamped", _ms(rows["done_ns"] - rows["sent_ns"] - rows["service_ns"]))


def response_error(samples: pd.DataFrame) -> Error:
    """(done - due) - the service time in the answer's stamp: our own lateness is part of it."""
    rows = measured(samples)
    return Error("response time: (done - due) - stamped", _ms(rows["done_ns"] - rows["due_ns"] - rows["service_ns"]))


def floor(samples: pd.DataFrame) -> Error:
    """(done - sent) of a provider that answers at once."""
    rows = measured(samples)
    return Error("null target: done - sent", _ms(rows["done_ns"] - rows["sent_ns"]))


def stream_errors(samples: pd.DataFrame, attempts: pd.DataFrame) -> tuple[Error, ...]:
    """The errors of time to first token and of the gaps between tokens, of streams joined to their attempts.

    The longest gap of a stream is what a stall is judged by; the mean gap is (last - first token) / (tokens - 1).
    """
    there = attempts[["request_id", "arrived_ns", "first_token_ns", "ended_ns", "gap_max_us", "tokens_out"]]
    rows = measured(samples).merge(there, on="request_id", suffixes=("", "_there"), validate="one_to_one")
    ours = rows["first_token_ns"] - rows["sent_ns"]
    theirs = rows["first_token_ns_there"] - rows["arrived_ns"]
    gaps = rows["tokens_out"] - 1
    mean_ours = (rows["done_ns"] - rows["first_token_ns"]) / gaps
    mean_theirs = (rows["ended_ns"] - rows["first_token_ns_there"]) / gaps
    return (
        Error("time to first token: (first - sent) - made", _ms(ours - theirs)),
        Error(
            "longest gap of a stream - made",
            (rows["gap_max_us"] - rows["gap_max_us_there"].astype("i8")).to_numpy(float) / 1e3,
        ),
        Error("mean gap of a stream - made", _ms(mean_ours - mean_theirs)),
    )


def quantiles(name: str, ours_ms: Floats, truth_ms: Floats, shift_ms: float) -> list[str]:
    """Return p50, p95, p99 and p99.9 of ours beside the realised truth, and beside the truth plus the median error."""
    ours, truth = np.sort(ours_ms), np.sort(truth_ms)
    lines = []
    for share in (0.5, 0.95, 0.99, 0.999):
        one, other = percentile(ours, share), percentile(truth, share)
        lines.append(
            f"{name:<16} p{share * 100:<5g} {one:10.3f} {other:10.3f} {one - other:+9.3f} {one / (other + shift_ms) - 1:+9.2%}"
        )
    return lines


QUANTILE_HEAD = f"{'ms':<16} {'':<6} {'measured':>10} {'stamped':>10} {'error':>9} {'left':>9}"


def _ms(values: pd.Series) -> Floats:
    return values.to_numpy(float) / _NS_PER_MS
