"""One seed, one set of victims: two runs of the same seed hit the same requests, and draw the same service times."""

import pyarrow.parquet as pq
import pytest

from tests.e2e.bench_command import Bench

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_two_runs_of_one_seed_hit_the_same_requests(bench: Bench) -> None:
    """A third of them, the same ones; another seed hits others."""
    bench.scenario(
        "seeded",
        phases='phase("baseline", "1s"), phase("fault", "4s", faults=[fault("provider-errors", on="provider-a", probability=0.3)]), '
        'phase("recovery", "1s")',
        load='constant("50/s")',
        checks='check("requests_lost", at_least=1)',
    )
    hit, drawn = [], []
    for seed in ("7", "7", "8"):
        bench("run", "seeded", "--target", "direct", "--seed", seed)
        table = pq.read_table(
            bench.newest() / "samples.parquet", columns=["arrival_id", "phase", "status", "service_ns"]
        )
        rows = [row for row in table.to_pylist() if row["phase"] == "fault"][
            10:-10
        ]  # the edges are acknowledged, not seeded
        hit.append({row["arrival_id"] for row in rows if row["status"] == 500})
        drawn.append({row["arrival_id"]: row["service_ns"] / 1e6 for row in rows if row["status"] == 200})
    assert 30 < len(hit[0]) < 90
    assert hit[0] == hit[1]
    assert hit[0] != hit[2]
    common = drawn[0].keys() & drawn[1].keys()
    assert sum(abs(drawn[0][key] - drawn[1][key]) < 5 for key in common) > 0.9 * len(common)
