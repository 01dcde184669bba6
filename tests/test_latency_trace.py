"""A trace of latencies is read whole, or refused with every problem and its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatebench.errors import ConfigurationError
from gatebench.latency import MeasuredLatency
from gatebench.latency_trace import filled


def read(folder: Path, text: str | bytes) -> MeasuredLatency:
    """The model of a file with this text."""
    (folder / "x.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return filled(MeasuredLatency(kind="measured", path="x.csv"), [folder])


def refused(folder: Path, text: str | bytes) -> list[str]:
    """What is said against it."""
    with pytest.raises(ConfigurationError) as error:
        read(folder, text)
    assert error.value.exit_code == 2
    return [str(problem) for problem in error.value.problems]


def test_a_trace(tmp_path: Path) -> None:
    """Columns may come in any order, with others beside them; empty lines and a byte order mark do not matter."""
    model = read(tmp_path, "\ufefftoken_ms, when ,ttft_ms\r\n1.5,noon,20\r\n\r\n2,later,30\r\n")
    assert (model.ttft_ms, model.token_ms, model.total_ms, model.rows) == ((20, 30), (1.5, 2), (), 2)
    assert len(model.digest) == 16
    assert read(tmp_path, "ttft_ms,total_ms\n20,120\n").total_ms == (120,)


def test_the_plan_keeps_the_digest_and_the_configuration_the_values(tmp_path: Path) -> None:
    """A run folder says which trace it was, not all of it; a provider is told the values."""
    model = read(tmp_path, "ttft_ms\n20\n")
    assert "ttft_ms" not in model.model_dump()
    assert (model.model_dump()["digest"], model.model_dump()["rows"]) == (model.digest, 1)
    assert MeasuredLatency.model_validate(model.with_values()) == model
    assert read(tmp_path, "ttft_ms\n21\n").digest != model.digest


def test_the_first_folder_wins(tmp_path: Path) -> None:
    """The file beside the scenario goes before that of the workspace."""
    for name, value in (("one", 1), ("two", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.csv").write_text(f"ttft_ms\n{value}\n")
    model = MeasuredLatency(kind="measured", path="x.csv")
    assert filled(model, [tmp_path / "one", tmp_path / "two"]).ttft_ms == (1,)
    assert filled(model, [tmp_path / "three", tmp_path / "two"]).ttft_ms == (2,)
    with pytest.raises(ConfigurationError, match=r"there is no file .*three.*x\.csv nor .*four.*x\.csv"):
        filled(model, [tmp_path / "three", tmp_path / "four"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 'x.csv:1: has no column "ttft_ms"'),
        ("20\n30\n", 'x.csv:1: has no column "ttft_ms"'),
        ("ttft_ms\n", "x.csv: has no row of times"),
        ("ttft_ms,token_ms,total_ms\n1,2,3\n", "x.csv:1: has both token_ms and total_ms"),
        ("ttft_ms,ttft_ms\n1,2\n", 'x.csv:1: names the column "ttft_ms" twice'),
        ("ttft_ms\n20\nfast\n", 'x.csv:3: ttft_ms is "fast", which is no number'),
        ("ttft_ms\n-1\n", "x.csv:2: ttft_ms is -1"),
        ("ttft_ms\nnan\n", "x.csv:2: ttft_ms is nan"),
        ("ttft_ms\n1e9\n", "x.csv:2: ttft_ms is 1e+09"),
        ("ttft_ms\n1,2\n", "x.csv:2: has 2 cells where the first line names 1"),
        ("ttft_ms,total_ms\n20,10\n", "x.csv:2: total_ms lies below ttft_ms"),
        (b"\xff\xfe", "x.csv: cannot be read"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str | bytes, words: str) -> None:
    """With the line it is on."""
    (said,) = refused(tmp_path, text)
    assert words in said


def test_every_problem_at_once(tmp_path: Path) -> None:
    """Three bad lines among good ones are three problems; of thousands, the first fifty and a word about the rest."""
    said = refused(tmp_path, "ttft_ms,token_ms\n1,1\nx,1\n1,y\n2,2\n-1,1\n")
    assert [line.split(": ")[0] for line in said] == ["x.csv:3", "x.csv:4", "x.csv:6"]
    many = refused(tmp_path, "ttft_ms\n" + "x\n" * 3000)
    assert len(many) == 51
    assert "has more problems than these" in many[-1]
