"""The limiter's oracle against what really happened: a minute of each algorithm in the virtual world, five tenants, one floods."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gatebench.oracles.limiter.limit import ALGORITHMS, ON_A_GRID

pytestmark = [pytest.mark.e2e, pytest.mark.light, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
EXTRAS = (0, 1, 5, 20)
FLOODING = "tenant-0"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_oracle_counts_to_a_request(algorithm: str) -> None:
    """The gateway decides as the exact model at every moment; what is seen from outside is right to one request, and K requests
    that were let in beyond the limit are counted as K.

    Where windows lie nobody outside knows: told where, the oracle is as exact; not told, it takes the place that is the
    most favourable to the gateway, and says less rather than more.
    """
    argv = [sys.executable, "-m", "tests.virtual.limits", algorithm, "1", *map(str, EXTRAS)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    plays = [json.loads(line) for line in done.stdout.splitlines()]
    assert [play["extra"] for play in plays] == list(EXTRAS)
    for play in plays:
        assert len(play["tenants"]) == 5
        for name, found in play["tenants"].items():
            extra = play["extra"] if name == FLOODING else 0
            assert found["decided_otherwise_by_the_model"] == 0
            assert found["seen_admitted"] == found["admitted"]
            assert found["asked"] > found["admitted"] + 300 if name == FLOODING else found["asked"] == found["admitted"]
            assert found["admitted"] - extra == pytest.approx(found["replayed_in_place"], abs=1)
            assert found["replayed"] <= found["replayed_in_place"]
            assert found["over_in_place"] == pytest.approx(extra, abs=1)
            assert found["over"] <= extra + 1e-9
            assert found["over"] >= extra - (2 if algorithm in ON_A_GRID else 1)
            assert found["error"] <= 1
            assert found["falsely_refused"] == 0
