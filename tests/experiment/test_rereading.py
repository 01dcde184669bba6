"""`bench report` of runs that are damaged, partial or of another version: refused in sentences, or shown with what they lack."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from gatebench.analysis.summary import summarise
from gatebench.cli.main import app
from gatebench.experiment.rereading import reread
from gatebench.run.folder import RunFolder
from gatebench.run.opening import unreadable
from tests.factory import make_run

Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that was read once, with nothing wrong."""
    root = tmp_path_factory.mktemp("runs")
    folder = make_run(root, warmup_s=0.5, baseline_s=4, fault_s=5, recovery_s=8)
    summarise(folder)
    return folder


@pytest.fixture
def copy(whole: RunFolder, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(whole.path, tmp_path / "run"))


def without_parts(folder: Path) -> None:
    """Leave the assembled tables only, as somebody who tidied up."""
    for path in folder.glob("parts/*.arrow"):
        path.unlink()


def cut(name: str, *, tidied: bool = True) -> Damage:
    """Return what cuts a file in half."""

    def damage(folder: Path) -> None:
        if tidied:
            without_parts(folder)
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return damage


def drop(*names: str) -> Damage:
    """Return what removes files."""

    def damage(folder: Path) -> None:
        for path in (found for name in names for found in folder.glob(name)):
            path.unlink()

    return damage


def said(name: str, schema: Any) -> Damage:
    """Return what makes a JSON file say another schema."""

    def damage(folder: Path) -> None:
        found = json.loads((folder / name).read_text()) | {"schema": schema, "moon": "full"}
        (folder / name).write_text(json.dumps(found))

    return damage


def other_table(head: dict[bytes, str] | None) -> Damage:
    """Return what gives the samples another head."""

    def damage(folder: Path) -> None:
        without_parts(folder)
        table: pa.Table = pq.read_table(folder / "samples.parquet")
        pq.write_table(table.replace_schema_metadata(head), folder / "samples.parquet")

    return damage


def no_phases(folder: Path) -> None:
    """Take away what says how the plan was made."""
    found = json.loads((folder / "run.json").read_text())
    del found["plan"]["phases"], found["plan"]["load"]
    (folder / "run.json").write_text(json.dumps(found))


def torn_event(folder: Path) -> None:
    """End the events in the middle of a line."""
    with (folder / "events.jsonl").open("a") as events:
        events.write('{"at_ns": 17, "eve')


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (drop("run.json"), "is no run folder: it holds no run.json."),
        (cut("run.json", tidied=False), "is damaged: it is no JSON from line"),
        (said("run.json", "gatebench.run/2"), 'has the schema "gatebench.run/2"; this gatebench'),
        (said("run.json", None), "names no schema; this gatebench"),
        (said("run.json", "gatebench.run/1"), "does not hold what a run holds: moon:"),
        (no_phases, "plan.phases: Field required; plan.load: Field required"),
        (other_table({b"gatebench": '{"schema": "gatebench.samples/2"}'}), 'has the schema "gatebench.samples/2"'),
    ],
)
def test_what_cannot_be_read_is_refused(copy: Path, damage: Damage, what: str) -> None:
    """In a sentence with the place and the cure, with exit code 2, and no file is touched."""
    damage(copy)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    (problem,) = unreadable(copy)
    assert what in problem.what
    assert problem.cure.endswith(".")
    done = CliRunner().invoke(app, ["report", str(copy)])
    assert done.exit_code == 2
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("damages", "sentences", "read"),
    [
        ([cut("samples.parquet")], ["samples.parquet cannot be read (it is no whole Parquet file"], False),
        ([cut("attempts.parquet")], ["attempts.parquet cannot be read (it is no whole Parquet file"], False),
        ([other_table(None)], ["one of the run's tables cannot be read"], False),
        ([drop("parts/*.arrow", "samples.parquet")], ["The run holds no request"], True),
        (
            [drop("parts/attempts-provider-a.arrow"), cut("series.parquet", tidied=False), torn_event],
            [
                "No stream attempts-provider-a.arrow",
                "series.parquet cannot be read",
                "events.jsonl: a line cannot be read",
            ],
            True,
        ),
        (
            [drop("parts/*.arrow", "attempts.parquet", "events.jsonl")],
            ["attempts.parquet is not there any more", "events.jsonl is not there"],
            True,
        ),
        (
            [cut("parts/samples-0.arrow", tidied=False), cut("parts/attempts-provider-a.arrow", tidied=False)],
            ["No end mark in samples-0.arrow, attempts-provider-a.arrow"],
            True,
        ),
    ],
)
def test_what_is_left_is_shown(copy: Path, damages: list[Damage], sentences: list[str], read: bool) -> None:
    """The report stands, says what it lacks, and the exit code says that it cannot be trusted."""
    for damage in damages:
        damage(copy)
    assert unreadable(copy) == []
    (copy / "report.html").unlink(missing_ok=True)
    found = reread(RunFolder(copy))
    assert (found.summary is not None) is read
    assert found.exit_code == 3
    page = (copy / "report.html").read_text().replace("&#39;", "'")
    for sentence in sentences:
        assert sentence in page
    assert "section-trouble" not in page.partition("</style>")[2]
    if not read:
        assert "those of an earlier reading" in page


def test_what_can_be_made_anew_is_whole(copy: Path) -> None:
    """Tables and summary are made from the streams; that they were damaged matters to nobody."""
    cut("samples.parquet", tidied=False)(copy)
    said("summary.json", "gatebench.summary/9")(copy)
    found = reread(RunFolder(copy))
    assert found.missing == ()
    assert found.exit_code == 0
    assert found.summary is not None
    assert found.summary.verdict == "pass"


def test_command_says_what_is_missing(copy: Path) -> None:
    """Every sentence stands in the terminal too; one damaged run of two decides the exit code."""
    other = Path(shutil.copytree(copy, copy.parent / "other"))
    cut("samples.parquet")(copy)
    done = CliRunner().invoke(app, ["report", str(copy), str(other)])
    assert done.exit_code == 3
    assert "cannot be read again" in done.stdout
    assert "samples.parquet cannot be read" in done.stdout
    assert "PASS" in done.stdout


def test_every_unreadable_run_is_said_at_once(copy: Path, tmp_path: Path) -> None:
    """Two folders that are none make two problems, and the whole one is not read."""
    done = CliRunner().invoke(app, ["report", str(tmp_path / "none"), str(copy), str(tmp_path)])
    assert done.exit_code == 2
    assert "2 problems" in done.stderr
    assert not (copy / "report.html").exists()
