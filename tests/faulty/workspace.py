"""A workspace in which `bench` finds the profiles as scenarios and every faulty gateway as a target."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from gatebench.content import shipped_root
from tests.faulty.table import HERE, Table

CORRECT: Final = "correct"
_BENCH: Final = Path(sys.executable).parent / "bench"
_TARGET: Final = """\
extends = "{base}"
description = {about}

[[process]]
name = "refgate"
command = ["{{{{ python }}}}", {serve}, "{name}", "--config", "{{{{ dir }}}}/gateway.json"]
"""


def make(folder: Path, table: Table) -> None:
    """Write the workspace: a target for each gateway (and the correct one) over each target that a profile names."""
    shutil.copytree(HERE / "scenarios", folder / "scenarios", ignore=shutil.ignore_patterns("__pycache__"))
    about = {CORRECT: "the reference gateway, started as the faulty ones are"}
    about |= {gateway.name: gateway.about for gateway in table.gateway}
    for base in {profile.target for profile in table.profile.values()}:
        for name, text in about.items():
            target = folder / "targets" / f"{base}-{name}"
            target.mkdir(parents=True)
            serve = json.dumps(str(HERE / "serve.py"))
            (target / "target.toml").write_text(
                _TARGET.format(base=base, about=json.dumps(text), serve=serve, name=name)
            )


def run(folder: Path, profile: str, target: str, seed: int, timeout_s: float = 120) -> dict[str, Any]:
    """Run one profile against one target of the workspace; return the summary, or {"error": what bench said}."""
    out = folder / "runs" / f"{profile}-{target}-{seed}"
    environment = {
        **os.environ,
        "GATEBENCH_WORKSPACE": str(folder),
        "GATEBENCH_STATE": str(folder / "state"),
        "NO_COLOR": "1",
    }
    argv = [str(_BENCH), "run", profile, "--target", target, "--seed", str(seed), "--out", str(out), "--json"]
    done = subprocess.run(
        argv, cwd=shipped_root(), env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    summaries = sorted(out.glob("**/summary.json"))
    if not summaries:
        return {"error": f"exit code {done.returncode}: {done.stderr[-2000:]}"}
    return dict(json.loads(summaries[-1].read_text()))
