"""Files of pytest-benchmark: several are judged like rounds, single ones by their saved rounds or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gatebench.comparing.gated import Gated, headline
from gatebench.comparing.looks import LEAST_PAIRS
from gatebench.errors import Problem
from gatebench.experiment.benchmarks import (
    LEAST_ROUNDS,
    judge_benchmarks,
    read_sessions,
    read_terms,
    refuse_alike,
    refuse_unknown,
)
from tests.gate_rounds import noise

SORT = "tests/test_speed.py::test_sort[10]"
SUM = "tests/test_speed.py::test_sum"


def session(path: Path, medians: dict[str, float], data: dict[str, list[float]] | None = None, **facts: Any) -> Path:
    """Write a file as pytest-benchmark does: medians in seconds, single rounds where they were saved."""
    benchmarks = [
        {
            "name": name.rpartition("::")[2],
            "fullname": name,
            "stats": {"median": median, "mean": median, "min": median, "rounds": 100}
            | ({"data": data[name]} if data and name in data else {}),
        }
        for name, median in medians.items()
    ]
    machine = {"machine": "x86_64", "python_version": "3.11.7", "cpu": {"brand_raw": "a processor"}}
    document = {"machine_info": machine | facts, "benchmarks": benchmarks, "version": "5.1.0"}
    path.write_text(json.dumps(document))
    return path


def sessions(root: Path, name: str, seed: int, factor: float = 1.0, count: int = 8) -> list[Path]:
    """Write several sessions of both benchmarks."""
    return [
        session(root / f"{name}{place}.json", {SORT: 2e-5 * factor * level, SUM: 3e-6 * level})
        for place, level in enumerate(noise(seed, count))
    ]


def judged(new: list[Path], old: list[Path], *said: str) -> Gated:
    """Return what the gate finds."""
    problems: list[Problem] = []
    heads, bases = read_sessions("--pytest-benchmark", new, problems), read_sessions("--baseline", old, problems)
    terms = read_terms(said, problems)
    assert problems == []
    return judge_benchmarks(heads, bases, terms, [])


def words(gated: Gated) -> dict[str, str]:
    """Return the word of each benchmark's function."""
    return {(line.measure.phase or "").rpartition("::")[2]: line.word for line in gated.lines}


def test_a_slower_benchmark_is_red_the_other_is_not(tmp_path: Path) -> None:
    """Eight files on each side, microseconds: no floor of our own instruments hides 20 %."""
    gated = judged(sessions(tmp_path, "new", 1, 1.2), sessions(tmp_path, "old", 2))
    assert gated.code == 1
    assert words(gated) == {"test_sort[10]": "regressed", "test_sum": "equivalent"}
    assert "Median time in tests/test_speed.py::test_sort[10] changed by +" in headline(gated)


def test_the_same_benchmarks_are_green(tmp_path: Path) -> None:
    """Nothing changed."""
    assert judged(sessions(tmp_path, "new", 1), sessions(tmp_path, "old", 2)).code == 0


def test_a_benchmark_that_one_side_does_not_have_is_no_pass(tmp_path: Path) -> None:
    """Gone from head, or without a baseline."""
    both, one = sessions(tmp_path, "a", 1), [session(tmp_path / f"{n}.json", {SUM: 3e-6}) for n in range(8)]
    for new, old, side in ((one, both, "head"), (both, one, "base")):
        gated = judged(new, old)
        assert gated.code == 4
        assert words(gated)["test_sort[10]"] == "missing"
        assert f"{side} does not have this benchmark" in next(line.why for line in gated.ordered)


def test_a_missing_file_of_one_side_is_a_missing_round(tmp_path: Path) -> None:
    """Seven against eight."""
    gated = judged(sessions(tmp_path, "new", 1, count=7), sessions(tmp_path, "old", 2))
    assert gated.code == 4
    assert set(words(gated).values()) == {"missing"}


def test_single_files_without_rounds_cannot_tell(tmp_path: Path) -> None:
    """However large the difference is: nobody knows how it scatters."""
    new, old = session(tmp_path / "n.json", {SUM: 9e-6}), session(tmp_path / "o.json", {SUM: 3e-6})
    gated = judged([new], [old])
    assert gated.code == 4
    assert words(gated) == {"test_sum": "cannot tell"}
    assert "--benchmark-save-data" in gated.lines[0].why
    assert (gated.lines[0].base, gated.lines[0].head) == (3.0, 9.0)


def test_single_files_with_rounds_are_judged_with_the_doubt_said(tmp_path: Path) -> None:
    """Their rounds in ten blocks; they share one process, and that is said."""
    files = []
    for name, seed, factor in (("n", 1, 1.3), ("o", 2, 1.0)):
        data = {SUM: [3e-6 * factor * level for level in noise(seed, 200)]}
        files.append(session(tmp_path / f"{name}.json", {SUM: 3e-6 * factor}, data))
    gated = judged([files[0]], [files[1]])
    assert gated.code == 1
    assert gated.lines[0].pairs == 10
    assert "share one process" in gated.notes[0]


def test_one_round_too_few_is_too_few(tmp_path: Path) -> None:
    """As many blocks as a gate needs pairs, of five rounds each, are the least."""
    least = LEAST_PAIRS * LEAST_ROUNDS
    data = {SUM: [3e-6] * (least - 1)}
    new, old = (session(tmp_path / name, {SUM: 3e-6}, data) for name in ("n.json", "o.json"))
    assert judged([new], [old]).code == 4
    data = {SUM: [3e-6] * least}
    new, old = (session(tmp_path / name, {SUM: 3e-6}, data) for name in ("n.json", "o.json"))
    assert judged([new], [old]).code == 0


def test_unlike_numbers_of_blocks_are_judged_side_by_side(tmp_path: Path) -> None:
    """One with 200 rounds, one with 30: each has its own interval."""
    files = []
    for name, seed, factor in (("n", 1, 1.3), ("o", 2, 1.0)):
        data = {
            SUM: [3e-6 * factor * level for level in noise(seed, 200)],
            SORT: [2e-5 * level for level in noise(seed, 30)],
        }
        files.append(session(tmp_path / f"{name}.json", {SUM: 3e-6, SORT: 2e-5}, data))
    gated = judged([files[0]], [files[1]])
    assert {line.pairs for line in gated.lines} == {6, 10}
    assert words(gated)["test_sum"] == "regressed"


def test_a_tolerance_for_one_benchmark_goes_before_the_general_one(tmp_path: Path) -> None:
    """`median@test_sort=50%` lets 20 % pass there."""
    new, old = sessions(tmp_path, "new", 1, 1.2), sessions(tmp_path, "old", 2)
    assert judged(new, old, "median@test_sort=50%", "median=5%").code == 0


def test_another_machine_is_said(tmp_path: Path) -> None:
    """And another Python."""
    old = [session(tmp_path / "o.json", {SUM: 1.0}, python_version="3.12.1")]
    gated = judged([session(tmp_path / "n.json", {SUM: 1.0})], old)
    assert any("Python was 3.12.1 for the baseline and 3.11.7" in note for note in gated.notes)


def test_every_problem_of_the_input_is_said(tmp_path: Path) -> None:
    """Files that are none, tolerances that are none, the same file twice."""
    problems: list[Problem] = []
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "b.json").write_text("{")
    (tmp_path / "c.json").write_text('{"benchmarks": []}')
    found = read_sessions("--baseline", [tmp_path / f"{name}.json" for name in "abcd"], problems)
    read_terms(["p95=5%", "median=high"], problems)
    refuse_alike([tmp_path / "a.json"], [tmp_path / "." / "a.json"], problems)
    refuse_unknown(read_terms(["median@test_x=5%"], problems), found, problems)
    said = "\n".join(map(str, problems))
    for words_ in (
        "a.json: is no file of pytest-benchmark",
        "b.json: cannot be read",
        "c.json: holds no benchmark",
        "d.json: there is no such file",
        "there is no p95 here",
        "median=high",
        "is named twice",
        "there is no benchmark test_x",
    ):
        assert words_ in said
