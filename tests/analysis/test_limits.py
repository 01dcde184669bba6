"""Warnings about our own processes: a busy provider or proxy is named, a busy gateway is the gateway's business."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gatebench.analysis.limits import harness_limits
from gatebench.run.folder import RunFolder
from gatebench.run.series import MACHINE, STEAL
from tests.factory import make_run
from tests.planned import S


def run_with(root: Path, **cores: float) -> RunFolder:
    """Return a run whose processes (dashes as underscores) used that many cores over ten seconds."""
    folder = make_run(root, rate_per_s=20, warmup_s=0, baseline_s=1, fault_s=0, recovery_s=0, series=False)
    rows = [(at * S, name.replace("_", "-"), "cpu_s", at * used) for name, used in cores.items() for at in (0, 5, 10)]
    names = ("at_ns", "process", "metric", "value")
    columns = {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    pq.write_table(pa.table(columns), folder.series)
    return folder


def test_busy_harness_is_named(tmp_path: Path) -> None:
    """A provider that used a whole core may have been what limited the run."""
    folder = run_with(tmp_path, provider_a=0.97, provider_b=0.3, engine=0.5)
    (warning,) = harness_limits(folder, folder.load().plan)
    assert warning.startswith("provider-a used 97% of a core")


def test_targets_and_workers_are_not_warned_about(tmp_path: Path) -> None:
    """The target may be as busy as it likes, and a busy load worker is worse than a warning."""
    folder = run_with(tmp_path, gateway=1.8, load_0=0.99)
    assert list(harness_limits(folder, folder.load().plan)) == []


def test_no_series(tmp_path: Path) -> None:
    """Without a series nothing is claimed."""
    folder = make_run(tmp_path, rate_per_s=20, warmup_s=0, baseline_s=1, fault_s=0, recovery_s=0, series=False)
    assert list(harness_limits(folder, folder.load().plan)) == []


@pytest.mark.parametrize(
    ("stolen_s", "said"),
    [
        ((5, 5, 5), ""),  # what was stolen before is not this run's
        ((5, 5.05, 5.1), ""),  # of two processors over ten seconds half a hundredth
        ((5, 5.5, 5.5), "took 2.5% of the processors away during the run, 5% in the worst second"),
        ((5, 5.0, 6.1), "took 5.5% of the processors away during the run, 11% in the worst second"),
    ],
)
def test_a_host_that_takes_processors_away_is_named(tmp_path: Path, stolen_s: tuple[float, ...], said: str) -> None:
    """More than a hundredth of all, or a tenth between two readings (here five seconds apart)."""
    folder = make_run(tmp_path, rate_per_s=20, warmup_s=0, baseline_s=1, fault_s=0, recovery_s=0, series=False)
    record = folder.load()
    record.provenance["machine"] = {"cores": 2}
    folder.save(record)
    columns = {"at_ns": [0, 5 * S, 10 * S], "process": [MACHINE] * 3, "metric": [STEAL] * 3, "value": list(stolen_s)}
    pq.write_table(pa.table(columns), folder.series)
    warnings = list(harness_limits(folder, folder.load().plan))
    assert len(warnings) == bool(said) and all(said in warning for warning in warnings)
