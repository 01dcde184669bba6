"""Rows answer as the data frame that they stand for, and read no column that nobody asks for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gatebench.analysis.columns import among, belong, own, positions, tally, worded
from gatebench.analysis.origins import Filed, Given, Origin, Places, Spread
from gatebench.analysis.plain_pages import stamp
from gatebench.analysis.rows import Rows
from gatebench.analysis.runs import MOST, side_by_side
from gatebench.analysis.shelf import Shelf
from gatebench.analysis.table_columns import MANY, Columns

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


class Noted:
    """An origin that notes what is asked of it."""

    def __init__(self, notes: list[tuple[str, int, int]], name: str, origin: Origin) -> None:
        self.notes, self.name, self.origin, self.kept = notes, name, origin, origin.kept

    def span(self, start: int, stop: int) -> Any:
        self.notes.append((self.name, start, stop))
        return self.origin.span(start, stop)

    def at(self, places: Places) -> Any:
        self.notes.append((self.name, -1, len(places)))
        return self.origin.at(places)


def noted(rows: Rows) -> list[tuple[str, int, int]]:
    """Return where it is noted what is read of which column from now on."""
    notes: list[tuple[str, int, int]] = []
    for name in rows._columns.names:
        rows.define(name, Noted(notes, name, rows._columns._origins[name]))
    return notes


def test_only_columns_that_are_asked_for_are_read(rows: Rows) -> None:
    """A selection by one column and a look at another read these two."""
    notes = noted(rows)
    assert rows[rows["number"] > 50]["time"].sum() > 0
    assert len(rows[rows["number"] > 50].index) > 0
    assert sorted(notes) == [("number", 0, N), ("time", 0, N)]


def test_a_column_that_is_defined_anew_is_the_new_one(rows: Rows) -> None:
    """Also where it was read before, alone or with all others."""
    assert rows["number"].sum() != N
    assert rows.frame()["number"].sum() != N
    rows.define("number", Given(np.ones(N, np.int64)))
    assert rows["number"].sum() == N
    assert rows.frame()["number"].sum() == N


def test_what_is_cut_out_is_not_taken_for_the_whole(rows: Rows, plain: pd.DataFrame) -> None:
    """Though rows and tables are numbered each by themselves, and some have the same number."""
    cut = rows[rows["number"] > 50]
    object.__setattr__(cut, "_number", rows._columns._number)
    assert cut["number"].tolist() == plain.loc[plain["number"] > 50, "number"].tolist()
    assert cut["time"].tolist() == plain.loc[plain["number"] > 50, "time"].tolist()
    assert rows["time"].tolist() == plain["time"].tolist()


LONG = 10 * MANY


@pytest.fixture
def long(tmp_path: Path) -> tuple[Rows, pd.DataFrame]:
    """Return rows of which only a part is read, and the same as a frame."""
    random = np.random.default_rng(5)
    words = worded(random.integers(-1, 2, LONG), ["a", "b"])
    plain = pd.DataFrame({"number": np.arange(LONG), "word": words, "text": np.array(["x", "yz"])[words.codes % 2]})
    pq.write_table(pa.Table.from_pandas(plain), tmp_path / "l.parquet", row_group_size=10_000)
    rows = Rows(Columns.of_file(tmp_path / "l.parquet", Shelf()))
    rows.define("half", rows.computed(lambda some: some["number"].to_numpy() / 2))
    return rows, plain.assign(half=plain["number"] / 2)


@pytest.mark.parametrize("name", ["number", "word", "half"])
@pytest.mark.parametrize(("start", "stop"), [(0, 7), (200_000, 330_000), (LONG - 5, LONG), (0, LONG), (9, 9)])
def test_a_stretch_of_a_long_table_is_that_of_the_frame(
    long: tuple[Rows, pd.DataFrame], name: str, start: int, stop: int
) -> None:
    """Side by side, with a gap, and a few of them."""
    rows, plain = long
    number = plain["number"]
    for mask in ((number >= start) & (number < stop), (number >= start) & (number < stop) & (number % 3 > 0)):
        found, wanted = rows[mask.to_numpy()], plain[mask]
        pd.testing.assert_series_equal(found[name], wanted[name], check_index_type=False)
        few = found[(found["number"] % 1000 == 0).to_numpy()]
        pd.testing.assert_series_equal(few[name], wanted[wanted["number"] % 1000 == 0][name], check_index_type=False)


def test_of_a_stretch_no_more_is_read_than_it_needs(long: tuple[Rows, pd.DataFrame]) -> None:
    """And two that are nearly the same share what is read; a few rows are read alone."""
    rows, _ = long
    notes = noted(rows)
    first = Rows(rows._columns, slice(140_000, 250_000))
    assert first["number"].sum() == sum(range(140_000, 250_000))
    assert first[(first["number"] % 2 == 0).to_numpy()]["half"].sum() == sum(range(140_000, 250_000, 2)) / 2
    assert sorted(notes) == [("half", 131_072, 262_144), ("number", 131_072, 262_144)]
    notes.clear()
    assert rows.iloc[[5, 400_000]]["half"].tolist() == [2.5, 200_000]
    assert sorted(notes) == [("half", -1, 2), ("number", -1, 2)]


def test_numbers_with_gaps_are_read_with_them(tmp_path: Path) -> None:
    """They become what pandas makes of them."""
    table = pa.table({"number": pa.array([1, None, 3] * 10, pa.int64())})
    pq.write_table(table, tmp_path / "g.parquet", row_group_size=7)
    path = tmp_path / "g.parquet"
    column = Filed(path, "number", pq.read_metadata(path), stamp(path))
    np.testing.assert_array_equal(column.span(8, 20), table["number"].to_pandas().to_numpy()[8:20])
    assert len(column.span(5, 5)) == 0


def test_what_is_spread_is_where_it_was_put() -> None:
    """In every stretch, and at any places; elsewhere it is as usual."""
    column = Spread(np.array([70, 3, 20]), np.array([7, 1, 2]), 0)
    whole = np.zeros(100, int)
    whole[[70, 3, 20]] = 7, 1, 2
    for start, stop in ((0, 100), (3, 70), (21, 22), (70, 71)):
        np.testing.assert_array_equal(column.span(start, stop), whole[start:stop])
    np.testing.assert_array_equal(column.at(np.array([99, 3, 4, 70, 3])), [0, 1, 0, 7, 1])
    np.testing.assert_array_equal(Spread(np.empty(0, int), np.empty(0, int), 5).at(np.array([1, 2])), [5, 5])


def test_a_shelf_makes_room() -> None:
    """What was not used for longest goes; what is asked for again is made again."""
    made: list[str] = []

    def make(name: str) -> Any:
        made.append(name)
        return np.zeros(100)

    shelf = Shelf(2 * 800, clock=lambda: 0.0)
    for name in ("a", "b", "a", "c", "a", "b"):
        shelf.get(name, partial(make, name))
    assert made == ["a", "b", "c", "b"]
    assert shelf.used <= shelf.most


def test_what_is_small_outlives_what_is_large() -> None:
    """Flags are asked for as often as times, and take an eighth of the room; but not for ever."""
    made: list[str] = []

    def make(name: str, size: int) -> Any:
        made.append(name)
        return SimpleNamespace(nbytes=size << 20)

    shelf = Shelf(200 << 20, clock=lambda: 0.0)
    shelf.get("flags", partial(make, "flags", 10))
    for turn in range(7):
        shelf.get(f"time {turn}", partial(make, f"time {turn}", 80))
    shelf.get("flags", partial(make, "flags", 10))
    assert made.count("flags") == 1
    for turn in range(7, 30):
        shelf.get(f"time {turn}", partial(make, f"time {turn}", 80))
    assert "flags" not in shelf
    assert shelf.used <= shelf.most


def test_what_took_long_outlives_what_did_not() -> None:
    """Of two of one size the one stays that would cost more to make again, though it was not used for longer."""
    shelf, clock = Shelf(250, clock=lambda: next(times)), [0.0, 3.0, 3.0, 4.0, 4.0, 5.0]
    times = iter(clock)
    for name in ("slow", "quick", "new"):
        shelf.get(name, lambda: np.zeros(100, np.uint8))
    assert [name in shelf for name in ("slow", "quick", "new")] == [True, False, True]


def same(found: pd.Series[Any], wanted: pd.Series[Any]) -> None:
    """Compare series, words by their numbers, which takes a hundredth of the time."""
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found.index, wanted.index)
    numbers = [getattr(one.array, "codes", np.asarray(one.array)) for one in (found, wanted)]
    np.testing.assert_array_equal(numbers[0], numbers[1])


def few_gaps(some: pd.Series[int]) -> pd.Series[bool]:
    """Tell of all but a few stretches, the first and the last row among them."""
    return (some % 100_000 > 10) & (some != 0) & (some != LONG - 1)


@pytest.mark.parametrize("name", ["number", "word", "half", "text"])
def test_rows_with_a_few_gaps_are_those_of_the_frame(long: tuple[Rows, pd.DataFrame], name: str) -> None:
    """Cut out, cut out again with other gaps, in any order, a few of them; and what is given for the whole table."""
    rows, plain = long
    found, wanted = rows[few_gaps(plain["number"]).to_numpy()], plain[few_gaps(plain["number"])]
    assert found.nbytes == 0  # known by their edges
    again = found[(found["number"] % 70_000 > 5).to_numpy()]
    twice = wanted[wanted["number"] % 70_000 > 5]
    for some, frame in (
        (found, wanted),
        (again, twice),
        (again[again["number"] > 99_000], twice[twice["number"] > 99_000]),
    ):
        same(some[name], frame[name])
        same(some.iloc[[5, 3, -1, 250_000]][name], frame.iloc[[5, 3, -1, 250_000]][name])
        np.testing.assert_array_equal(own(some, np.arange(LONG)), frame.index)
        np.testing.assert_array_equal(positions(some), frame.index)
        strewn = (frame["number"] % 3 == 0).to_numpy()
        same(some[strewn][name], frame[strewn][name])
    for column in wanted:
        same(found.frame()[column], wanted[column])


@pytest.mark.parametrize("seed", range(20))
def test_edges_are_those_of_the_mask(seed: int) -> None:
    """Runs of runs of any length, against the positions themselves."""
    random = np.random.default_rng(seed)
    known, held = np.arange(50, 1050), side_by_side(50, 1050)
    while len(known) > 1:
        mask = np.repeat(random.random(len(known)) < 0.7, random.integers(1, 40, len(known)))[: len(known)]
        if not mask.any():
            break
        found = held.where(mask)
        assert found is not None
        known, held = known[mask], found
        np.testing.assert_array_equal(held.all(), known)
        np.testing.assert_array_equal(held.values(np.arange), known)
        some = random.integers(0, len(known), 9)
        np.testing.assert_array_equal(held[some], known[some])
    assert side_by_side(0, 4 * MOST + 4).where(np.arange(4 * MOST + 4) % 2 == 0) is None


@pytest.mark.parametrize("places", [[], [-1, -1], [0, 3, 3, -1, 2], [0, LONG - 1], list(range(0, 2000, 3))])
def test_a_tally_counts_each_row(places: list[int]) -> None:
    """Neighbours, strangers, and those that are none."""
    asked = np.array(places, np.int32)
    np.testing.assert_array_equal(tally(asked, LONG), np.bincount(asked[asked >= 0], minlength=LONG))


@pytest.mark.parametrize("wanted", [[], [-1], [3, 3, 700, -1], list(range(0, N, 7)), [5000]])
def test_membership_is_that_of_isin(wanted: list[int], rows: Rows) -> None:
    """Of all rows, of some, and of positions with none among them."""
    for some in (rows, rows[rows["good"]], rows.iloc[100:300], rows.iloc[:0]):
        there = [place for place in wanted if place >= 0]
        assert (among(some, np.array(wanted, np.int64)) == some.index.isin(there)).all()
    values = np.array([-1, 3, 700, 3, 2], np.int32)
    there = [place for place in wanted if place >= 0]
    assert (belong(values, np.array(wanted, np.int64)) == np.isin(values, there)).all()
