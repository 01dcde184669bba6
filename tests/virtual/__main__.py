"""Plays profiles of the matrix with many seeds: `python -m tests.virtual PROFILE GATEWAY FIRST_SEED COUNT`.

Prints one JSON line a seed: the verdict of each check.
"""

from __future__ import annotations

from tests.virtual.clock import CLOCK

CLOCK.take_over()  # before anything is imported that keeps a clock for itself

import hashlib  # noqa: E402 - after the clock, as all that follows
import importlib  # noqa: E402
import json  # noqa: E402
import shutil  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

from gatebench.analysis.checks.judging import judge  # noqa: E402
from gatebench.analysis.metrics import known_metrics, measure  # noqa: E402
from gatebench.analysis.tables import read  # noqa: E402
from gatebench.content import Content  # noqa: E402
from gatebench.execution.asking import RunRequest  # noqa: E402
from gatebench.execution.planning import make_plan  # noqa: E402
from tests.faulty.matrix import check_name  # noqa: E402
from tests.faulty.table import load  # noqa: E402
from tests.faulty.workspace import CORRECT, make  # noqa: E402
from tests.virtual.world import play  # noqa: E402


def main() -> int:
    """Play, judge, print."""
    profile, gateway, first, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    table = load()
    if gateway != CORRECT:
        importlib.import_module(f"tests.faulty.gateways.{gateway.replace('-', '_')}").spoil()
    with tempfile.TemporaryDirectory(prefix="gatebench-virtual-") as name:
        folder = Path(name)
        make(folder, table)
        content = Content(folder)
        for seed in range(first, first + count):
            request = RunRequest(scenario=profile, target=f"{table.profile[profile].target}-{gateway}", seed=seed)
            plan = make_plan(request, content, known_metrics()).model_copy(update={"token": f"{seed:08x}"})
            run = play(plan, folder / "runs")
            tables = read(run)
            wanted = {check.metric for check in plan.checks}
            results = judge(tables, measure(tables, wanted))
            said = {check_name(profile, result.model_dump()): result.verdict for result in results}
            why = {
                check_name(profile, result.model_dump()): result.why for result in results if result.verdict != "pass"
            }
            moments = tables.samples[["due_ns", "sent_ns", "first_byte_ns", "done_ns", "status", "attempts"]]
            digest = hashlib.sha256(moments.to_numpy().tobytes()).hexdigest()[:16]
            facts = {"profile": profile, "gateway": gateway, "seed": seed, "digest": digest}
            line = json.dumps({**facts, "verdicts": said, "why": why})
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
            shutil.rmtree(run.path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
