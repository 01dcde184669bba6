"""The page on accuracy is made by a script that works, and whose errors would show a harness that lies."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "docs" / "demos" / "known-truth"))
import harness_error
import measure

MS = 1_000_000


def table(**columns: object) -> pd.DataFrame:
    """Three answered requests that took 10, 20 and 30 ms, of which the provider stamped 9, 18 and 27."""
    base = {
        "request_id": ["a", "b", "c"],
        "kind": ["load", "load", "warmup"],
        "outcome": ["ok", "ok", "ok"],
        "due_ns": [0, 0, 0],
        "sent_ns": [1 * MS, 1 * MS, 0],
        "first_token_ns": [6 * MS, 7 * MS, 0],
        "done_ns": [11 * MS, 21 * MS, 30 * MS],
        "service_ns": [9 * MS, 18 * MS, 27 * MS],
        "gap_max_us": [4000, 4000, 0],
    }
    return pd.DataFrame({**base, **columns})


def attempts() -> pd.DataFrame:
    """Of the same requests, as the provider saw them: first tokens after 4 and 5 ms, three tokens 1 ms apart."""
    return pd.DataFrame(
        {
            "request_id": ["a", "b", "c"],
            "arrived_ns": [1 * MS] * 3,
            "first_token_ns": [5 * MS, 6 * MS, 0],
            "ended_ns": [7 * MS, 8 * MS, 0],
            "gap_max_us": [1000, 1500, 0],
            "tokens_out": [3, 3, 3],
        }
    )


def test_errors_are_differences_request_by_request() -> None:
    """Service: 10 - 9 and 20 - 18; response: 11 - 9 and 21 - 18; the warm-up row is left out."""
    assert harness_error.service_error(table()).values_ms.tolist() == [1.0, 2.0]
    assert harness_error.response_error(table()).values_ms.tolist() == [2.0, 3.0]
    assert harness_error.floor(table()).values_ms.tolist() == [10.0, 20.0]


def test_streams_are_joined_to_their_attempts() -> None:
    """First token: 5 - 4 and 6 - 5; longest gap: 4 - 1 and 4 - 1.5; mean gap: 5/2 - 2/2 and 14/2 - 2/2."""
    first, longest, mean = harness_error.stream_errors(table(), attempts())
    assert first.values_ms.tolist() == [1.0, 1.0]
    assert longest.values_ms.tolist() == [3.0, 2.5]
    assert mean.values_ms.tolist() == [1.5, 6.0]


def test_quantiles_say_what_is_left_after_the_median_error() -> None:
    """A harness that adds 1 ms to everything has an error of 1 ms and nothing left; one that adds 10 % has more left."""
    truth = np.arange(1.0, 1001.0)
    assert all(line.endswith("+1.000    +0.00%") for line in harness_error.quantiles("x", truth + 1, truth, 1.0))
    assert harness_error.quantiles("x", truth * 1.1, truth, 0.0)[2].endswith("+10.00%")


@pytest.mark.e2e
def test_known_truth_is_found_again(tmp_path: Path) -> None:
    """A few seconds of both kinds: every request has its error, none is below zero, and the median is of the links' making."""
    samples, _ = measure.run("known-truth", tmp_path, 0.03)
    service = harness_error.service_error(samples).values_ms
    assert len(service) > 1000
    assert service.min() > 0
    assert np.median(service) < 20  # milliseconds; generous, for CI machines that do other things
    streams, ledger = measure.run("known-truth-streams", tmp_path, 0.03)
    first, longest, mean = harness_error.stream_errors(streams, ledger)
    assert len(first.values_ms) > 100
    assert first.values_ms.min() > 0
    assert abs(np.median(longest.values_ms)) < 20
    assert abs(np.median(mean.values_ms)) < 5
