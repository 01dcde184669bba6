"""Runs the demonstration: our open load, and Locust's closed one, against a target that stalls once for two seconds.

Usage: python docs/demos/coordinated-omission/compare.py [OUT]. Prints scheduled and accounted requests, the p99 response
time beside the value computed from the stall that really happened, the p99 service time, and what Locust itself reports.
"""

from __future__ import annotations

import csv
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
STALL_AFTER_S, STALL_S, RUN_S = 10, 2, 20


def p99(values: np.ndarray) -> float:
    """Nearest rank: the smallest value that at least 99 % do not exceed."""
    return float(np.sort(values)[int(np.ceil(0.99 * len(values))) - 1])


def ours(out: Path) -> dict[str, float]:
    """Run the scenario with bench; return what its samples say and what the stall implies, and whether the run is valid."""
    environment = {**os.environ, "GATEBENCH_WORKSPACE": str(HERE)}
    command = [str(BIN / "bench"), "run", "one-stall", "--target", "stalls", "--out", str(out), "--quiet"]
    done = subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL)
    if done.returncode != 3:  # a generator that was late makes a run invalid, and done - due holds its delay too
        done.check_returncode()
    run = max(out.glob("*-one-stall-stalls*"), key=lambda path: path.stat().st_mtime)
    samples = pq.read_table(run / "samples.parquet").to_pandas()
    stall = json.loads((run / "work" / "target" / "stall.json").read_text())
    ledger = json.loads((run / "summary.json").read_text())["ledger"]
    due = samples["due_ns"].to_numpy()
    # Whoever was due while the loop slept waited until it woke; everybody else waited as long as usual.
    stalled = (due >= stall["began_ns"]) & (due < stall["ended_ns"])
    response = (samples["done_ns"].to_numpy() - due) / 1e6
    usual = float(np.median(response[~stalled]))
    truth = np.where(stalled, (stall["ended_ns"] - due) / 1e6 + usual, usual)
    service = (samples["done_ns"] - samples["sent_ns"]).to_numpy() / 1e6
    return {
        "scheduled": ledger["scheduled"],
        "accounted": len(samples),
        "stall_ms": (stall["ended_ns"] - stall["began_ns"]) / 1e6,
        "truth_p99_ms": p99(truth),
        "response_p99_ms": p99(response),
        "service_p99_ms": p99(service),
        "valid": done.returncode == 0,
    }


def locusts() -> dict[str, float]:
    """Run Locust as it comes, headless, against a fresh server that stalls in the same way."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as scratch:
        arguments = [str(port), str(STALL_AFTER_S), str(STALL_S), f"{scratch}/stall.json"]
        server = subprocess.Popen([sys.executable, str(HERE / "targets" / "stalls" / "server.py"), *arguments])
        try:
            time.sleep(0.5)
            command = [
                str(BIN / "locust"), "-f", str(HERE / "locustfile.py"), "--headless", "-u", "1", "-r", "1", "-t", f"{RUN_S}s",
                "--host", f"http://127.0.0.1:{port}", "--csv", f"{scratch}/locust", "--only-summary", "--loglevel", "ERROR",
            ]  # fmt: skip
            subprocess.run(
                command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=RUN_S + 30
            )
        finally:
            server.terminate()
            server.wait()
        with Path(f"{scratch}/locust_stats.csv").open() as file:
            row = next(row for row in csv.DictReader(file) if row["Name"] == "Aggregated")
    return {"requests": float(row["Request Count"]), "p99_ms": float(row["99%"])}


def main() -> None:
    """Print the comparison."""
    with tempfile.TemporaryDirectory() as scratch:
        mine = ours(Path(sys.argv[1] if len(sys.argv) > 1 else scratch))
        theirs = locusts()
    error = mine["response_p99_ms"] / mine["truth_p99_ms"] - 1
    lines = [
        f"scheduled {mine['scheduled']:.0f} = accounted {mine['accounted']:.0f}; the stall lasted {mine['stall_ms']:.0f} ms",
        f"p99 response time, computed from the stall   {mine['truth_p99_ms']:8.1f} ms",
        f"p99 response time, measured (done - due)     {mine['response_p99_ms']:8.1f} ms  ({error:+.2%})",
        f"p99 service time, measured (done - sent)     {mine['service_p99_ms']:8.1f} ms",
        f"p99 by Locust's own statistics               {theirs['p99_ms']:8.1f} ms  ({theirs['requests']:.0f} requests sent)",
    ]
    if not mine["valid"]:
        lines.append(
            "The run is invalid: this machine was late, and the times hold its delay too. Run it again when it is quiet."
        )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
