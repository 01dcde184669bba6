"""Columns whose numbers lie plain in their file are read as they lie; all others are read by pyarrow, and none is read wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gatebench.analysis import plain_pages
from gatebench.analysis.shelf import Shelf
from gatebench.analysis.table_columns import Columns
from gatebench.run.assemble import GROUP_ROWS, layout

ROWS = 2 * GROUP_ROWS + 77
NUMBERS = np.random.default_rng(1).integers(-(1 << 62), 1 << 62, ROWS)


def written(path: Path, *, nullable: bool = False, kind: pa.DataType | None = None, **more: Any) -> Path:
    """Write the numbers as the assembly does, but for what is said otherwise."""
    kind = kind or pa.int64()
    schema = pa.schema([pa.field("words", pa.string()), pa.field("at_ns", kind, nullable=nullable)])
    table = pa.table({"words": ["a"] * ROWS, "at_ns": NUMBERS.astype(kind.to_pandas_dtype())}, schema)
    pq.write_table(table, path, row_group_size=GROUP_ROWS, **{**layout(schema), **more})
    return path


def offsets(path: Path, column: int = 1) -> Any:
    """Return where the values of a column begin, None where they do not lie plain."""
    return plain_pages.offsets(path, pq.read_metadata(path), column)


def test_what_the_assembly_writes_lies_plain(tmp_path: Path) -> None:
    """Every value, any stretch of them, and some here and there."""
    path = written(tmp_path / "t.parquet")
    assert offsets(path) is not None
    assert offsets(path, 0) is None
    columns = Columns.of_file(path, Shelf(0))
    for start, stop in ((0, ROWS), (5, 9), (GROUP_ROWS - 1, GROUP_ROWS + 1), (ROWS - 1, ROWS), (3, 3)):
        np.testing.assert_array_equal(columns.span("at_ns", start, stop), NUMBERS[start:stop])
    places = np.array([7, 0, ROWS - 1, GROUP_ROWS])
    np.testing.assert_array_equal(columns.at("at_ns", places, (0, ROWS)), NUMBERS[places])


@pytest.mark.parametrize(
    "otherwise",
    [
        {"nullable": True},
        {"compression": "SNAPPY"},
        {"use_dictionary": True},
        {"max_rows_per_page": 20_000},
        {"data_page_size": 4096, "write_batch_size": 100},
        {"data_page_version": "2.0"},
        {"write_statistics": False, "max_rows_per_page": GROUP_ROWS // 2},
        {"use_dictionary": False, "column_encoding": {"at_ns": "DELTA_BINARY_PACKED"}},
        {"use_byte_stream_split": ["at_ns"]},
        {"kind": pa.int32()},
        {"kind": pa.float64()},
    ],
    ids=lambda otherwise: "-".join(map(str, otherwise)),
)
def test_what_lies_otherwise_is_read_all_the_same(tmp_path: Path, otherwise: dict[str, Any]) -> None:
    """Somebody wrote the file again: whatever they chose, the values are the same."""
    path = written(tmp_path / "t.parquet", **otherwise)
    assert offsets(path) is None
    columns, wanted = Columns.of_file(path, Shelf(0)), pq.read_table(path)["at_ns"].to_numpy()
    np.testing.assert_array_equal(columns.span("at_ns", 0, ROWS), wanted)
    np.testing.assert_array_equal(columns.span("at_ns", 5, ROWS - 5), wanted[5:-5])


def test_without_statistics_it_lies_plain_too(tmp_path: Path) -> None:
    """The header is shorter, and the values end where they do."""
    path = written(tmp_path / "t.parquet", write_statistics=False)
    np.testing.assert_array_equal(Columns.of_file(path, Shelf(0)).span("at_ns", 0, ROWS), NUMBERS)


def test_a_file_that_is_written_anew_is_another(tmp_path: Path) -> None:
    """Somebody assembles the run again, or cuts the file, while a report is made: nothing is made up of what lies there now."""
    path = written(tmp_path / "t.parquet")
    columns = Columns.of_file(path, Shelf(0))
    columns.span("at_ns", 0, 5)
    columns.shelf.clear()
    written(tmp_path / "other.parquet").replace(path)
    with pytest.raises(OSError, match="was written anew while it was read"):
        columns.span("at_ns", 0, 5)


def test_a_file_that_ends_too_soon_is_an_error(tmp_path: Path) -> None:
    """What is not there is never made up."""
    path = written(tmp_path / "t.parquet")
    begins = offsets(path)
    with path.open("r+b") as file:
        file.truncate(int(begins[-1]) + 8)
    with pytest.raises(OSError, match="ends before its values do"):
        plain_pages.read(path, plain_pages.stamp(path), begins, [GROUP_ROWS, GROUP_ROWS, 77], np.int64)
