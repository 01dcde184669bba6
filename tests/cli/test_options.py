"""The command line's repeatable options, and how keys stay out of it."""

from pathlib import Path

import pytest

from gatebench.cli.options import commas, headers, pairs
from gatebench.cli.requests import redacted
from gatebench.errors import Problem


def test_commas_and_repeats_are_one_list() -> None:
    """In order, doubles left out."""
    assert commas(["a,b", "c", "a"]) == ["a", "b", "c"]


def test_pairs_need_an_equals_sign() -> None:
    """Every one that has none is named."""
    problems: list[Problem] = []
    assert pairs("--set", ["a=1", "b", "=c", "d=e=f"], problems) == {"a": "1", "d": "e=f"}
    assert len(problems) == 2


def test_header_values_come_from_environment_and_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a key need not stand on the command line."""
    monkeypatch.setenv("GATEWAY_KEY", "secret")
    (tmp_path / "key").write_text("from-file\n")
    problems: list[Problem] = []
    found = headers(["Authorization=env:GATEWAY_KEY", f"x-key=@{tmp_path}/key", "x-plain=1"], problems)
    assert found == {"authorization": "secret", "x-key": "from-file", "x-plain": "1"}
    assert problems == []


def test_headers_that_cannot_be_sent_are_named(tmp_path: Path) -> None:
    """An unset variable, a missing file, a line break."""
    problems: list[Problem] = []
    headers(["a=env:NOT_SET_AT_ALL", f"b=@{tmp_path}/none", "c=x\r\ny: z"], problems)
    assert len(problems) == 3


def test_header_values_never_reach_the_record_of_the_command() -> None:
    """Both ways of writing the option."""
    argv = ["bench", "run", "smoke", "--header", "authorization=Bearer k1", "--header=x-key=k2", "--seed", "3"]
    shown = " ".join(redacted(argv))
    assert "k1" not in shown
    assert "k2" not in shown
    assert shown == "bench run smoke --header authorization=… --header=x-key=… --seed 3"
