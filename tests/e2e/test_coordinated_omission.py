"""A target that stalls cannot hide its stall: the response time is what users wait, whatever the client was doing."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "docs" / "demos" / "coordinated-omission"))
import compare

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def measured(folder: Path) -> dict[str, float]:
    """Our part of the demonstration; made again, twice at most, while this machine was late."""
    for tries in range(3):
        found = compare.ours(folder / str(tries))
        if found["valid"]:
            break
    return found


def test_the_p99_is_the_one_computed_from_the_stall(tmp_path: Path) -> None:
    """4000 scheduled, 4000 accounted; p99 near 1800 ms, never below what the stall implies.

    The demonstration states 2 %; a busy CI machine that takes its time to catch up after the stall may add to that, so
    the upper bound here is 6 %. A client that omits what it should have sent would show a few milliseconds.
    """
    found = measured(tmp_path)
    assert (found["scheduled"], found["accounted"]) == (4000, 4000)
    assert found["stall_ms"] >= 2000
    assert 0.995 <= found["response_p99_ms"] / found["truth_p99_ms"] <= 1.06
