"""Reads the workflow files of docs/ci as the services do: which commands run, in which order, with which variables."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "ci"
FILES = {"github-actions.yml": ".github/workflows/gatebench.yml", "gitlab-ci.yml": ".gitlab-ci.yml"}


@dataclass(frozen=True)
class Step:
    """One block of commands; `shell` are the words that the service puts in front."""

    name: str
    script: str
    env: Mapping[str, str] = field(default_factory=dict)
    shell: tuple[str, ...] = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")

    def run(self, folder: Path, env: Mapping[str, str], timeout_s: float) -> subprocess.CompletedProcess[str]:
        """Run it in a folder; variables of the file may name others, and those of `env` win, as a project's settings do."""
        known = dict(env)
        for name, text in self.env.items():
            known.setdefault(name, Template(text).safe_substitute(known))
        return subprocess.run(
            [*self.shell, self.script], cwd=folder, env=known, text=True, timeout=timeout_s, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip


def read(name: str) -> dict[str, Any]:
    """Return a workflow file; a key "on" is one, not true."""
    found: dict[Any, Any] = yaml.safe_load((FOLDER / name).read_text())
    return {"on" if key is True else str(key): value for key, value in found.items()}


def steps(name: str) -> list[Step]:
    """Return the blocks of commands of a workflow file, in order."""
    return _github(read(name)) if name.startswith("github") else _gitlab(read(name))


def _github(workflow: Mapping[str, Any]) -> list[Step]:
    (job,) = workflow["jobs"].values()
    shared = {**workflow.get("env", {}), **job.get("env", {})}
    return [
        Step(step["name"], step["run"], _texts({**shared, **step.get("env", {})}))
        for step in job["steps"]
        if "run" in step
    ]


def _gitlab(pipeline: Mapping[str, Any]) -> list[Step]:
    job = pipeline["gatebench"]
    variables = _texts({**pipeline.get("variables", {}), **job.get("variables", {})})
    lines = [*job.get("before_script", []), *job["script"]]
    return [Step(line.split("\n")[0], line, variables) for line in lines]


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}
