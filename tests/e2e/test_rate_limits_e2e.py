"""The limiter's oracle on real runs: each algorithm of the reference gateway, a flood on one of five keys, replayed exactly."""

from __future__ import annotations

import pytest

from gatebench.analysis.tables import read
from gatebench.run.folder import RunFolder
from tests.e2e.bench_command import Bench

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SCENARIO = '''"""Ten a second for each of five keys, and a flood on one."""

from gatebench import Scenario, check, mixed, phase, poisson, reactive, spike
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=5, max_tokens=4),
    load=mixed(
        spike("2/s", "40/s", at="2s", lasting="10s", tenant="tenant-0"),
        *(poisson("2/s", tenant=f"tenant-{{number}}") for number in range(1, 5)),
    ),
    phases=[phase("baseline", "12s")],
    objective={{"response_ms": 500}},
    reactive=reactive(),
    target_settings={{"limit_algorithm": "{algorithm}", "limit_rate": 10, "limit_period": "1s", "limit_burst": {burst}}},
    checks=[check("over_admission_requests", at_most=1), check("false_rejects", at_most=0)],
)
'''


@pytest.mark.parametrize(
    ("target", "algorithm"),
    [
        ("reference", "token-bucket"),
        ("reference", "gcra"),
        ("reference", "sliding-log"),
        ("reference", "sliding-counter"),
        ("reference", "fixed-window"),
        ("nginx", "gcra"),
        ("haproxy:tuned", "sliding-counter"),
    ],
)
def test_admissions_are_those_of_the_exact_model(bench: Bench, target: str, algorithm: str) -> None:
    """Of the same arrivals the model admits as many, to a request a tenant (to a window's edge where windows lie unknown)."""
    burst = 20 if algorithm in ("token-bucket", "gcra") else 0
    (bench.folder / "scenarios" / "flood.py").write_text(SCENARIO.format(algorithm=algorithm, burst=burst))
    done = bench("run", "flood", "--target", target)
    assert done.code in (0, 3, 4), done.out + done.err  # on a busy machine it may be too late to tell; never a fail
    tables = read(RunFolder(bench.newest()))
    flooded = tables.keys["tenant-0"]
    assert flooded.refused.sum() > 100
    for key in tables.keys.values():
        least = int(key.replayed.sum())
        most = 20 if algorithm in ("fixed-window", "sliding-counter") else 1
        if algorithm == "fixed-window" and key.tenant == "tenant-5":
            # It waits for the windows' edges, so that windows which lie elsewhere would let far less of it through.
            most = 10 * 13 - least
        assert -1 <= int(key.admitted.sum()) - least <= most, key.tenant
        assert key.quota_error() <= 2 or algorithm == "sliding-counter", key.tenant
