"""Measures the reference gateway's breaker in three configurations and prints the table of docs/breakers.md.

Usage: python docs/demos/breakers/measure.py. Six runs of `bench run`, breaker-errors and breaker-timeouts once with each
configuration: about five minutes; do nothing else meanwhile.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

BENCH = Path(sys.executable).parent / "bench"
CONFIGURATIONS = (
    {"breaker_failures": 5, "breaker_open": "2s", "breaker_probes": 1},
    {"breaker_failures": 10, "breaker_open": "1s", "breaker_probes": 2},
    {"breaker_failures": 3, "breaker_open": "4s", "breaker_probes": 3},
)
METRICS = (
    ("time_to_open_s", "{:.3f}"),
    ("attempts_to_open", "{:.0f}"),
    ("breaker_overshoot", "{:.2f}"),
    ("fast_fail_p99_ms", "{:.1f}"),
    ("breaker_leak", "{:.0f}"),
    ("open_time_s", "{:.3f}"),
    ("probes_per_cycle", "{:.0f}"),
    ("time_to_close_s", "{:.3f}"),
    ("work_saved_share", "{:.3f}"),
)


def run(scenario: str, settings: dict[str, Any], out: Path) -> dict[str, Any]:
    """Run a scenario with these settings and return its summary."""
    command = [str(BENCH), "run", scenario, "--target", "reference", "--out", str(out), "--quiet"]
    for name, value in settings.items():
        command += ["--set", f"{name}={value}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode not in {0, 1, 4}:
        raise SystemExit(f"{scenario} ended with exit code {done.returncode}\n{done.stdout}{done.stderr}")
    folder = max(out.glob(f"*-{scenario}-reference*"), key=lambda path: path.stat().st_mtime)
    return dict(json.loads((folder / "summary.json").read_text()))


def cell(summary: dict[str, Any], name: str, form: str) -> str:
    """Return a number of the run as the table shows it."""
    for value in summary["metrics"]:
        if value["name"] == name and value["phase"] is None and value["route"] is None:
            if value["status"] == "unknown":
                return "unknown"
            return ("> " if value["status"] == "censored" else "") + form.format(value["value"])
    return "–"


def main() -> None:
    """Make the runs and print the table."""
    names = " | ".join(f"`{name}`" for name, _ in METRICS)
    sys.stdout.write(f"| fault | failures | open time | probes | {names} |\n|{'---|' * (len(METRICS) + 4)}\n")
    with tempfile.TemporaryDirectory(prefix="gatebench-breakers-") as folder:
        for scenario in ("breaker-errors", "breaker-timeouts"):
            for settings in CONFIGURATIONS:
                summary = run(scenario, settings, Path(folder))
                found = " | ".join(cell(summary, name, form) for name, form in METRICS)
                said = " | ".join(str(value) for value in settings.values())
                sys.stdout.write(f"| {scenario.removeprefix('breaker-')} | {said} | {found} |\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
