"""Rows answer as the data frame that they stand for, and read no column that nobody asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gatebench.analysis.columns import among, belong, worded
from gatebench.analysis.rows import Columns, Rows, Shelf

N = 1000


@pytest.fixture
def plain() -> pd.DataFrame:
    """Return a frame with numbers, words with gaps, and truth values."""
    random = np.random.default_rng(3)
    words = worded(random.integers(-1, 3, N), ["a", "b", "c"])
    return pd.DataFrame(
        {"number": random.integers(0, 99, N), "time": random.random(N), "word": words, "good": random.random(N) < 0.9}
    )


@pytest.fixture
def rows(plain: pd.DataFrame, tmp_path: Path) -> Rows:
    """Return the same as rows of a file."""
    pq.write_table(pa.Table.from_pandas(plain), tmp_path / "t.parquet", row_group_size=100)
    return Rows(Columns.of_file(tmp_path / "t.parquet", Shelf()))


CHOICES: tuple[Callable[[Any], Any], ...] = (
    lambda rows: rows[rows["number"] > 50],
    lambda rows: rows[(rows["number"] > 50).to_numpy()],
    lambda rows: rows[rows["good"] & (rows["word"] == "a")],
    lambda rows: rows[rows["number"] > 50][lambda part: part["good"]],
    lambda rows: rows.loc[rows["good"], "time"],
    lambda rows: rows.iloc[10:20],
    lambda rows: rows.iloc[[5, 3, -1]],
    lambda rows: rows[rows["time"] > 0.5].iloc[::3],
    lambda rows: rows[rows["good"]].sort_values("number", ascending=False, kind="stable").head(7),
    lambda rows: rows.assign(twice=rows["number"] * 2)[rows["good"]],
    lambda rows: rows[rows["good"]].assign(one=1).loc[lambda part: part["number"] > 3],
    lambda rows: rows[["number", "word"]].groupby("word", observed=True)["number"].sum(),
    lambda rows: rows.groupby("word", observed=True)["time"].max(),
    lambda rows: rows.groupby("word", observed=True).cumcount(),
    lambda rows: rows[rows["good"]].groupby(["word", "good"], observed=True).size(),
    lambda rows: rows[rows["good"]].groupby("number")["time"].transform("min"),
    lambda rows: rows.groupby("good")[["time", "number"]].mean(),
    lambda rows: rows.groupby("good").first(),
    lambda rows: rows.assign(twice=rows["number"] * 2).groupby("good")["twice"].sum(),
    lambda rows: rows["word"].isna(),
    lambda rows: rows[rows["number"] < 0],
    lambda rows: pd.concat([rows.iloc[:2], rows.iloc[5:7]]),
)


@pytest.mark.parametrize("choose", CHOICES, ids=range(len(CHOICES)))
def test_rows_answer_as_a_frame_does(choose: Callable[[Any], Any], rows: Rows, plain: pd.DataFrame) -> None:
    """Whatever is asked, values and index are the frame's."""
    found, wanted = choose(rows), choose(plain)
    if isinstance(wanted, pd.Series):
        pd.testing.assert_series_equal(found, wanted, check_index_type=False)
    else:
        frame = found.frame() if isinstance(found, Rows) else found
        pd.testing.assert_frame_equal(frame, wanted, check_index_type=False)


def noted(names: list[str], name: str, source: Callable[[], Any]) -> Callable[[], Any]:
    """Return a source that notes whenever it is asked."""

    def note() -> Any:
        names.append(name)
        return source()

    return note


def test_only_columns_that_are_asked_for_are_read(rows: Rows) -> None:
    """A selection by one column and a look at another read these two."""
    read: list[str] = []
    for name in rows._columns.names:
        rows.define(name, noted(read, name, rows._columns._sources[name]))
    assert rows[rows["number"] > 50]["time"].sum() > 0
    assert len(rows[rows["number"] > 50].index) > 0
    assert sorted(read) == ["number", "time"]


def test_a_column_that_is_defined_anew_is_the_new_one(rows: Rows) -> None:
    """Also where it was read before, alone or with all others."""
    assert rows["number"].sum() != N
    assert rows.frame()["number"].sum() != N
    rows.define("number", lambda: np.ones(N, np.int64))
    assert rows["number"].sum() == N
    assert rows.frame()["number"].sum() == N


def test_a_shelf_makes_room(plain: pd.DataFrame) -> None:
    """What was not used for longest goes; what is asked for again is made again."""
    made: list[str] = []

    shelf = Shelf(2 * 800)
    for name in ("a", "b", "a", "c", "a", "b"):
        shelf.get(name, noted(made, name, lambda: np.zeros(100)))
    assert made == ["a", "b", "c", "b"]
    assert shelf.used <= shelf.most


@pytest.mark.parametrize("wanted", [[], [-1], [3, 3, 700, -1], list(range(0, N, 7)), [5000]])
def test_membership_is_that_of_isin(wanted: list[int], rows: Rows) -> None:
    """Of all rows, of some, and of positions with none among them."""
    for some in (rows, rows[rows["good"]], rows.iloc[100:300], rows.iloc[:0]):
        there = [place for place in wanted if place >= 0]
        assert (among(some, np.array(wanted, np.int64)) == some.index.isin(there)).all()
    values = np.array([-1, 3, 700, 3, 2], np.int32)
    there = [place for place in wanted if place >= 0]
    assert (belong(values, np.array(wanted, np.int64)) == np.isin(values, there)).all()
