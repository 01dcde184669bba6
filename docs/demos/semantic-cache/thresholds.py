"""Runs `cache-semantic` at several thresholds and prints what each gains on paraphrases and mistakes among look-alikes.

Usage: python docs/demos/semantic-cache/thresholds.py [--target NAME] [--out FOLDER] [THRESHOLD ...]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
THRESHOLDS = (0.85, 0.88, 0.91, 0.93, 0.95, 0.97, 0.99)
METRICS = ("paraphrase_hit_ratio", "false_hit_ratio", "wrong_hit", "true_hit_ratio", "private_cached")


def measured(target: str, threshold: float, out: Path) -> dict[str, dict[str, Any]]:
    """Run the scenario at a threshold; return the run's metrics by name."""
    command = [str(BIN / "bench"), "run", "cache-semantic", "--target", target, "--out", str(out), "--quiet"]
    command += ["--set", f"cache_threshold={threshold}"]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL)  # a red check is a result here
    run = max(out.glob("*-cache-semantic-*"), key=lambda path: path.stat().st_mtime)
    metrics = json.loads((run / "summary.json").read_text())["metrics"]
    return {each["name"]: each for each in metrics if each["phase"] is None and each["route"] is None}


def share(metric: dict[str, Any]) -> str:
    """Return a share with its 95 % interval, in percent."""
    if metric["status"] != "known":
        return "unknown"
    return f"{metric['value']:.1%} ({metric['low']:.1%} – {metric['high']:.1%})"


def main() -> None:
    """Print one row of a Markdown table for each threshold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("thresholds", nargs="*", type=float, default=THRESHOLDS)
    parser.add_argument("--target", default="reference")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    asked = parser.parse_args()
    print("| threshold | hits on paraphrases | false hits on look-alikes | wrong hits, both ways | all hits |")  # noqa: T201 - its output
    print("|---|---|---|---|---|")  # noqa: T201
    for threshold in asked.thresholds:
        found = {
            name: metric for name, metric in measured(asked.target, threshold, asked.out).items() if name in METRICS
        }
        wrong = found["wrong_hit"]
        cells = (
            f"{threshold:g}",
            share(found["paraphrase_hit_ratio"]),
            share(found["false_hit_ratio"]),
            f"{wrong['value']:.0f} of {wrong['n']}" if wrong["status"] == "known" else "unknown",
            share(found["true_hit_ratio"]),
        )
        print(f"| {' | '.join(cells)} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
