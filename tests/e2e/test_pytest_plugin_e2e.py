"""Real runs inside a pytest of its own: the example of docs/pytest.md, and what Ctrl-C leaves."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.bench_command import ROOT, Bench, ended, events, listening, marked, ports_of, run_token, wait_for

pytestmark = pytest.mark.e2e

ENVIRONMENT = {key: value for key, value in os.environ.items() if key not in {"TOXIPROXY_URL", "GATEBENCH_WORKSPACE"}}


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start pytest in a workspace."""
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "gatebench.pytest_plugin", *arguments],
        cwd=folder,
        env={
            **ENVIRONMENT,
            "NO_COLOR": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # ours is named, installed or not
            "GATEBENCH_STATE": str(folder / "state"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def test_the_example_of_the_documentation_runs(tmp_path: Path) -> None:
    """docs/demos/pytest, as it stands: three tests look at one run."""
    shutil.copytree(ROOT / "docs" / "demos" / "pytest", tmp_path / "here")
    with ended(start(tmp_path / "here", "-v")) as process:
        out, _ = process.communicate(timeout=90)
    (run,) = (tmp_path / "here" / "runs").glob("*/")
    summary = json.loads((run / "summary.json").read_text())
    if summary["verdict"] == "invalid":  # a machine busy with other tests; then no test may have passed
        assert re.search(r"=+ 3 errors in ", out), out
        assert "This measurement cannot be trusted." in out
    else:
        assert re.search(r"=+ 3 passed in ", out), out
        assert process.returncode == 0
    assert summary["seed"] == 7, "the ini file says so"
    assert (run / "report.html").is_file()
    assert marked(run_token(run)) == set()


def test_an_interrupted_session_leaves_nothing_running(bench: Bench) -> None:
    """Ctrl-C while the load runs: everything is taken down, what was measured is kept, and no further test begins."""
    bench.scenario("long", phases='phase("baseline", "60s")')
    (bench.folder / "test_long.py").write_text(
        "def test_one(gatebench):\n    gatebench.run('long', target='reference')\n\n\n"
        "def test_two():\n    raise SystemExit('this test was begun')\n"
    )
    with ended(start(bench.folder)) as process:
        (run,) = wait_for("the run", bench.runs)
        wait_for("load", lambda: any(one["event"] == "load.started" for one in events(run)))
        token, ports = run_token(run), ports_of(run)
        assert marked(token), "the run has processes"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=40)
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert "the run was interrupted; what was measured until then is in" in out
    assert "this test was begun" not in out
    assert marked(token) == set()
    assert not ports & listening()
    assert json.loads((run / "run.json").read_text())["status"] == "interrupted"
    assert (run / "summary.json").is_file()
