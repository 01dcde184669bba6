"""Plays profiles of the matrix with many seeds: `python -m tests.virtual PROFILE GATEWAY FIRST_SEED COUNT [PROFILE …]`.

Prints one JSON line a seed: the verdict of each check. Each gateway is a process of its own, forked from one that has read all
the code, for a gateway that was spoiled stays spoiled; two at a time.
"""

from __future__ import annotations

from tests.virtual.clock import CLOCK

CLOCK.take_over()  # before anything is imported that keeps a clock for itself

import gc  # noqa: E402 - after the clock, as all that follows
import hashlib  # noqa: E402
import importlib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import shutil  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import traceback  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Final  # noqa: E402

from gatebench.analysis.checks.judging import judge  # noqa: E402
from gatebench.analysis.metrics import known_metrics, measure  # noqa: E402
from gatebench.analysis.tables import read  # noqa: E402
from gatebench.content import Content  # noqa: E402
from gatebench.execution.asking import RunRequest  # noqa: E402
from gatebench.execution.planning import make_plan  # noqa: E402
from tests.faulty.matrix import check_name  # noqa: E402
from tests.faulty.table import load  # noqa: E402
from tests.faulty.workspace import CORRECT, make  # noqa: E402
from tests.virtual.job import Job  # noqa: E402
from tests.virtual.world import play  # noqa: E402

_AT_ONCE: Final = 2


def play_seeds(job: Job, folder: Path) -> Iterator[str]:
    """Yield a line for each seed: play it, judge it. Spoils the gateway of this process."""
    if job.gateway != CORRECT:
        importlib.import_module(f"tests.faulty.gateways.{job.gateway.replace('-', '_')}").spoil()
    gc.disable()  # a run is short
    content, target = Content(folder), load().profile[job.profile].target
    for seed in range(job.first, job.first + job.seeds):
        request = RunRequest(scenario=job.profile, target=f"{target}-{job.gateway}", seed=seed)
        plan = make_plan(request, content, known_metrics()).model_copy(update={"token": f"{seed:08x}"})
        run = play(plan, folder / f"runs-{os.getpid()}")
        tables = read(run)
        results = judge(tables, measure(tables, {check.metric for check in plan.checks}))
        said = {check_name(job.profile, result.model_dump()): result for result in results}
        moments = tables.samples[["due_ns", "sent_ns", "first_byte_ns", "done_ns", "status", "attempts"]]
        facts = {
            "profile": job.profile,
            "gateway": job.gateway,
            "seed": seed,
            "digest": hashlib.sha256(moments.to_numpy().tobytes()).hexdigest()[:16],
            "verdicts": {name: result.verdict for name, result in said.items()},
            "why": {name: result.why for name, result in said.items() if result.verdict != "pass"},
        }
        yield json.dumps(facts)
        shutil.rmtree(run.path)
        gc.collect()


def fork(job: Job, folder: Path) -> int:
    """Play a job in a child; return its pid. What it found is in the folder's file of that pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        with (folder / f"{os.getpid()}.jsonl").open("w") as file:
            for line in play_seeds(job, folder):
                file.write(f"{line}\n")
        code = 0
    except BaseException:
        sys.stderr.write(f"{job}:\n{traceback.format_exc()}")
    finally:
        sys.stderr.flush()
        os._exit(code)


def main(arguments: list[str]) -> int:
    """Play every job; return 1 when one could not be played to its end."""
    quads = zip(*[iter(arguments)] * 4, strict=True)
    waiting = [Job(profile, gateway, int(first), int(seeds)) for profile, gateway, first, seeds in quads]
    known_metrics()
    gc.freeze()  # what all children share is looked through by none of them
    running: set[int] = set()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="gatebench-virtual-") as name:
        folder = Path(name)
        make(folder, load())
        while waiting or running:
            while waiting and len(running) < _AT_ONCE:
                running.add(fork(waiting.pop(0), folder))
            pid, status = os.wait()
            running.discard(pid)
            failed += status != 0
            sys.stdout.write((folder / f"{pid}.jsonl").read_text())
            sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
