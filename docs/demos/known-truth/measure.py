"""Measures the harness's own error against known truth and prints the tables of docs/accuracy.md.

Usage: python docs/demos/known-truth/measure.py [--time-scale X] [--out DIR]. Three runs of `bench run … --target direct`: known
service times, known streams, and a null target. Takes six and a half minutes at full length; do nothing else meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import harness_error as errors  # noqa: E402 - it stands beside this script

BENCH = Path(sys.executable).parent / "bench"


def run(scenario: str, out: Path, time_scale: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run a scenario against `direct`; return samples and attempts. A run that is not valid is said and shown all the same."""
    command = [
        str(BENCH),
        "run",
        scenario,
        "--target",
        "direct",
        "--out",
        str(out),
        "--time-scale",
        str(time_scale),
        "--quiet",
    ]
    done = subprocess.run(
        command, env={**os.environ, "GATEBENCH_WORKSPACE": str(HERE)}, check=False, capture_output=True, text=True
    )
    if done.returncode not in {0, 3}:
        raise SystemExit(f"{scenario} ended with exit code {done.returncode}\n{done.stdout}{done.stderr}")
    folder = max(out.glob(f"*-{scenario}-direct*"), key=lambda path: path.stat().st_mtime)
    summary = json.loads((folder / "summary.json").read_text())
    sys.stdout.write(f"{scenario}: {summary['verdict']}. {summary['ledger']['sentences'][0]}\n")
    for reason in summary["reasons"] if summary["verdict"] == "invalid" else ():
        sys.stdout.write(f"  not valid: {reason}\n")
    return pq.read_table(folder / "samples.parquet").to_pandas(), pq.read_table(folder / "attempts.parquet").to_pandas()


def main() -> None:
    """Make the three runs and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--time-scale", type=float, default=1.0)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out = arguments.out or Path(scratch)
        samples, _ = run("known-truth", out, arguments.time_scale)
        streams, attempts = run("known-truth-streams", out, arguments.time_scale)
        nothing, _ = run("null-target", out, arguments.time_scale)
    service, response = errors.service_error(samples), errors.response_error(samples)
    first, *gaps = errors.stream_errors(streams, attempts)
    lines = ["", errors.ERROR_HEAD, errors.floor(nothing).line(), service.line(), response.line(), first.line()]
    lines += [gap.line() for gap in gaps]
    rows = errors.measured(samples)
    truth = rows["service_ns"].to_numpy(float) / 1e6
    lines += ["", errors.QUANTILE_HEAD]
    lines += errors.quantiles("response time", truth + response.values_ms, truth, float(np.median(response.values_ms)))
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
