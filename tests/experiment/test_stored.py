"""Runs that were made before: damage, newer schemas and invalid measurements are said in sentences."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gatebench.errors import Problem
from gatebench.experiment.stored import read_run
from tests.compared import write_run


def said(path: Path) -> str:
    """Return the problems of reading a run that cannot be read."""
    problems: list[Problem] = []
    assert read_run(path, problems) is None
    return "\n".join(str(problem) for problem in problems)


def test_a_run_is_read_with_its_verdict(tmp_path: Path) -> None:
    """A valid one counts."""
    folder = write_run(tmp_path)
    problems: list[Problem] = []
    found = read_run(folder.path, problems)
    assert found is not None and found.valid and not problems and found.target == "gate"


def test_an_invalid_run_is_marked_with_its_reason(tmp_path: Path) -> None:
    """It can be read, and does not count."""
    found = read_run(write_run(tmp_path, verdict="invalid").path, [])
    assert found is not None and not found.valid and found.why == "the generator was late"


@pytest.mark.parametrize("name", ["run.json", "summary.json"])
def test_a_newer_schema_is_refused(tmp_path: Path, name: str) -> None:
    """The sentence names both versions and what to do."""
    folder = write_run(tmp_path)
    path = folder.path / name
    document = json.loads(path.read_text())
    stem = document["schema"].partition("/")[0]
    path.write_text(json.dumps(document | {"schema": f"{stem}/7", "more": 1}))
    assert f"was written by a newer gatebench: {stem}/7; this one reads {stem}/1. Update gatebench" in said(folder.path)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("run.json", "{", "damaged or cut short"),
        ("summary.json", '{"schema": "gatebench.summary/1"', "`bench report"),
        ("summary.json", '{"schema": "gatebench.summary/1"}', "run_id: Field required"),
        ("run.json", "[]", "damaged or of another version"),
    ],
)
def test_a_damaged_document_is_refused(tmp_path: Path, name: str, text: str, words: str) -> None:
    """With what is damaged, and the cure."""
    folder = write_run(tmp_path)
    (folder.path / name).write_text(text)
    assert words in said(folder.path)


def test_everything_that_is_missing_is_said_at_once(tmp_path: Path) -> None:
    """Both documents, not the first."""
    folder = write_run(tmp_path)
    for name in ("run.json", "summary.json"):
        (folder.path / name).unlink()
    assert said(folder.path).count("is not there.") == 2
    assert "there is no such folder" in said(tmp_path / "nothing")


def test_a_summary_of_another_run_is_refused(tmp_path: Path) -> None:
    """Seeds differ: somebody copied a file."""
    one, other = write_run(tmp_path, seed=1), write_run(tmp_path, seed=2)
    (one.path / "summary.json").write_bytes((other.path / "summary.json").read_bytes())
    assert "its summary.json is that of another run" in said(one.path)


def test_a_truncated_table_takes_the_trust_from_a_run(tmp_path: Path) -> None:
    """Whole it counts; cut in half its numbers cannot be checked any more."""
    folder = write_run(tmp_path)
    pq.write_table(pa.table({"x": list(range(1000))}), folder.samples)
    found = read_run(folder.path, [])
    assert found is not None and found.valid
    folder.samples.write_bytes(folder.samples.read_bytes()[:-20])
    found = read_run(folder.path, [])
    assert found is not None and not found.valid and found.why.startswith("samples.parquet is damaged or cut short")
