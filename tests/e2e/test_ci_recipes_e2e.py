"""The workflow files of docs/ci, their commands run for real in clones of a small repository, with the built wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ci_recipes import FILES, FOLDER, read, steps
from tests.e2e.bench_command import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1500)]

GATE_S = 1200.0
SCENARIO = '''"""What a checkout asks of the gateway."""

from gatebench import Scenario, check, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=2, prompt_words=5, max_tokens=4),
    load=poisson("60/s"),
    phases=[phase("warmup", "1s"), phase("baseline", "4s")],
    objective={"response_ms": 1000},
    checks=[check("error_share", phase="baseline", at_most=0.0, estimate="point")],
)
'''
PROJECT = """
[tool.gatebench.gate]
scenario = "checkout"
target = "mine"
pairs = 5

[tool.gatebench.gate.tolerances]
p95 = "15%"
error_share = "1pp"
"""
BUILD = """
[build]
command = ["{{ python }}", "-m", "compileall", "-q", "targets"]
"""
SLOWER = ("        body = self.rfile", "        __import__('time').sleep(0.15)\n        body = self.rfile")
INNOCENT = ("Python's standard library only.", "Nothing but Python's standard library.")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """What `setup-python` or an image leaves: an interpreter whose environment has all but gatebench, and our wheel."""
    folder = tmp_path_factory.mktemp("ci")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=100)
    (wheel,) = folder.glob("*.whl")
    place = folder / "python"
    venv.create(place, with_pip=True, symlinks=True)
    dependencies = folder / "dependencies"
    dependencies.mkdir()
    for path in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if "gatebench" not in path.name:
            (dependencies / path.name).symlink_to(path)
    (site,) = (place / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(f"{dependencies}\n")
    return place, wheel


@dataclass(frozen=True)
class Sample:
    """A repository with a gateway of its own, the branch `main`, and one branch for each change."""

    folder: Path

    def git(self, *words: str) -> str:
        """Run git here."""
        who = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
        done = subprocess.run(["git", *who, *words], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def change(self, branch: str, old: str, new: str) -> None:
        """Commit a change of the gateway on a branch of its own."""
        gateway = self.folder / "targets" / "mine" / "gateway.py"
        self.git("switch", "-q", "-c", branch, "main")
        assert old in gateway.read_text()
        gateway.write_text(gateway.read_text().replace(old, new, 1))
        self.git("commit", "-q", "-a", "-m", branch)

    def clone(self, to: Path, branch: str, *options: str) -> Sample:
        """Clone it and stand on a branch's commit, as a runner does."""
        self.git("clone", "-q", "--branch", branch, *options, self.folder.as_uri(), str(to))
        clone = Sample(to)
        clone.git("switch", "-q", "--detach")
        return clone


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The repository, its recipes in their places."""
    folder = tmp_path_factory.mktemp("sample")
    repository = Sample(folder)
    repository.git("init", "-q", "-b", "main")
    bench = Path(sys.executable).parent / "bench"
    subprocess.run([str(bench), "new", "target", "mine"], cwd=folder, check=True, capture_output=True)
    with (folder / "targets" / "mine" / "target.toml").open("a") as target:
        target.write(BUILD)
    (folder / "scenarios").mkdir()
    (folder / "scenarios" / "checkout.py").write_text(SCENARIO)
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / ".gitignore").write_text("gatebench/\n__pycache__/\n.cache/\n")
    for name, place in FILES.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(FOLDER / name, folder / place)
    repository.git("add", "-A")
    repository.git("commit", "-q", "-m", "a gateway")
    repository.change("slower", *SLOWER)
    repository.change("innocent", *INNOCENT)
    repository.git("switch", "-q", "-c", "pull-request", "main")
    repository.git("merge", "-q", "--no-ff", "-m", "the pull request, merged into its base", "slower")
    return repository


@dataclass(frozen=True)
class Ended:
    """What became of a job: the exit code of its last step, everything it said, and where."""

    code: int
    said: str
    folder: Path
    took_s: float

    def junit(self) -> ET.Element:
        """The JUnit file."""
        return ET.parse(self.folder / "gatebench" / "junit.xml").getroot()

    def summary(self) -> str:
        """The Markdown summary."""
        return (self.folder / "gatebench" / "summary.md").read_text()


def job(name: str, folder: Path, python: tuple[Path, Path], **variables: str) -> Ended:
    """Run the steps of a recipe in order, as long as they end well; the environment is the service's, not ours."""
    place, wheel = python
    kept = {key: os.environ[key] for key in ("HOME", "LANG", "TMPDIR") if key in os.environ}
    environment = {
        **kept, "PATH": f"{place / 'bin'}:/usr/local/bin:/usr/bin:/bin", "CI": "true", "GATEBENCH": str(wheel),
        "PIP_NO_INDEX": "1", "GATEBENCH_STATE": str(folder / ".git" / "state"), **variables,
    }  # fmt: skip
    said, code, began = "", 0, time.monotonic()
    for step in steps(name):
        done = step.run(folder, environment, GATE_S)
        said += f"$ {step.script}\n{done.stdout}"
        code = done.returncode
        if code:
            break
    sys.stdout.write(said)
    return Ended(code, said, folder, time.monotonic() - began)


def test_a_slower_gateway_is_red_on_github(sample: Sample, python: tuple[Path, Path], tmp_path: Path) -> None:
    """The pull request is merged into its base and gated against it: exit code 1, annotated, summarised, in JUnit."""
    (described,) = read("github-actions.yml")["jobs"].values()
    (checkout,) = [step["with"] for step in described["steps"] if "actions/checkout" in step.get("uses", "")]
    clone = sample.clone(tmp_path / "work", "pull-request", f"--depth={checkout['fetch-depth']}")
    page = tmp_path / "step_summary.md"
    ended = job(
        "github-actions.yml", clone.folder, python, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(page),
        GITHUB_WORKSPACE=str(clone.folder), GITHUB_EVENT_NAME="pull_request",
    )  # fmt: skip
    assert ended.code == 1, ended.said
    assert "::error " in ended.said
    assert "p95" in page.read_text()
    assert page.read_text().strip() == ended.summary().strip()
    assert ended.junit().find(".//failure") is not None
    assert_nothing_left(clone)


def test_an_innocent_change_is_not_red_on_gitlab(sample: Sample, python: tuple[Path, Path], tmp_path: Path) -> None:
    """The branch is gated against where it left the main one; a machine too noisy to tell may say so, and never "worse"."""
    clone = sample.clone(tmp_path / "work", "innocent")
    base = clone.git("merge-base", "origin/main", "HEAD")
    ended = job(
        "gitlab-ci.yml", clone.folder, python, GITLAB_CI="true", CI_PROJECT_DIR=str(clone.folder),
        CI_PIPELINE_SOURCE="merge_request_event", CI_MERGE_REQUEST_DIFF_BASE_SHA=base,
    )  # fmt: skip
    assert ended.code in {0, 4}, ended.said
    assert ended.junit().find(".//failure") is None
    assert (clone.folder / "gl-code-quality-report.json").is_file()
    assert_nothing_left(clone)


def assert_nothing_left(clone: Sample) -> None:
    """The clone has one working tree, no file changed, and its reports."""
    assert len(clone.git("worktree", "list").splitlines()) == 1
    assert clone.git("status", "--porcelain", "--untracked-files=no") == ""
    assert list((clone.folder / "gatebench" / "runs").glob("*/experiment.json"))
