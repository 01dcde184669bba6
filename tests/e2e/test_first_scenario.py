"""The tour in docs/your-first-scenario.md works, followed literally, with the built wheel in an empty folder."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "your-first-scenario.md"

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the wheel in it; its dependencies are this environment's, which saves a minute."""
    folder = tmp_path_factory.mktemp("tour")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=100)
    (wheel,) = folder.glob("*.whl")
    place = folder / ".venv"
    venv.create(place, with_pip=False, symlinks=True)
    uv = Path(sys.executable).parent / "uv"
    python = place / "bin" / "python"
    install = [str(uv), "pip", "install", "--quiet", "--offline", "--no-deps", "--python", str(python), str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=60)
    (site,) = (place / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return place


def blocks() -> list[str]:
    """The page's blocks of commands, in order; the one about installing is done by the fixture."""
    return re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[tuple[str, int]]:
    """Each command of a block with the exit code that the page promises."""
    joined = block.replace("\\\n", " ")
    found = []
    for line in joined.strip().splitlines():
        promised = re.search(r"# exit code (\d+)$", line)
        found.append((line, int(promised[1]) if promised else 0))
    return found


@pytest.mark.timeout(300)
def test_the_tour_ends_in_a_report(installed: Path, tmp_path: Path) -> None:
    """Every command ends as the page says, from the empty folder to the report of a survived outage."""
    environment = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "TOXIPROXY_URL"}}
    environment |= {"PATH": f"{installed / 'bin'}:{os.environ['PATH']}", "NO_COLOR": "1", "COLUMNS": "100"}
    where = subprocess.run(
        ["python", "-c", "import gatebench; print(gatebench.__file__)"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str(installed) in where.stdout, "the tour is taken with the wheel, not with the sources"
    assert len(blocks()) >= 6
    for block in blocks():
        for command, promised in commands(block):
            done = subprocess.run(
                ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
            # A machine that is busy with other tests may make a run invalid (3) or leave a check open (4), which the page
            # does not promise; what it must never do is show another result.
            measures = command.startswith(("bench run", "bench report")) and "--dry-run" not in command
            allowed = {promised, 3, 4} if measures else {promised}
            assert done.returncode in allowed, f"{command}\n{done.stdout}\n{done.stderr}"
    reports = list(tmp_path.glob("runs/*/report.html"))
    assert len(reports) == 3
    assert all("checkout" in report.read_text() for report in reports)
