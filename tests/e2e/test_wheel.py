"""The built wheel holds the engine and the shipped content, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = [pytest.mark.e2e, pytest.mark.light]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from this tree, without an isolated environment: the lock has the backend."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    (found,) = out.glob("*.whl")
    return found


def test_the_wheel_ships_the_four_folders_inside_the_package(wheel: Path) -> None:
    """Scenarios, targets, chaos and reports stand below gatebench/_content; nothing claims their bare names."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"gatebench", next(top for top in tops if top.endswith(".dist-info"))}
    for expected in (
        "gatebench/_content/scenarios/failover_outage.py",
        "gatebench/_content/scenarios/smoke.py",
        "gatebench/_content/targets/reference/target.toml",
        "gatebench/_content/targets/nginx/nginx.conf.j2",
        "gatebench/_content/chaos/provider-drops.toml",
        "gatebench/_content/reports/sections/10-verdict.html.j2",
        "gatebench/cli/main.py",
        "gatebench/execution/topology/guardian.py",
    ):
        assert expected in names, expected


def test_the_wheel_ships_nothing_that_a_workspace_leaves_lying_about(wheel: Path) -> None:
    """No runs, keys, caches or tests."""
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if any(word in name for word in ("runs/", ".env", "__pycache__", "tests/"))]


def test_the_installed_wheel_finds_its_content(wheel: Path, tmp_path: Path) -> None:
    """Unpacked elsewhere and asked from an empty folder, bench lists what it ships."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    empty = tmp_path / "empty"
    empty.mkdir()
    code = "from gatebench.content import Content; c = Content(); print(c.scenario_names(), list(c.problems()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=empty,
        env={"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"'overhead'", "'smoke'", "'spike'"} <= set(
        done.stdout.strip().removesuffix("] []").removeprefix("[").split(", ")
    )


def test_the_installed_wheel_is_a_pytest_plugin(wheel: Path, tmp_path: Path) -> None:
    """pytest finds it by itself, and warns of nothing."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    empty = tmp_path / "empty"
    empty.mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "--markers"],
        cwd=empty,
        env={"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "@pytest.mark.gatebench(**options): makes a run of load" in done.stdout
