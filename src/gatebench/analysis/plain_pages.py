"""Wide numbers that lie in a Parquet file as they lie in memory: where they begin, so that whoever wants them decodes nothing.

`gatebench.run.assemble` writes them so. Each group of rows holds one page of a column: a header and the values, little-endian
(https://parquet.apache.org/docs/file-format/data-pages/). Whatever lies otherwise is read by pyarrow.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

_WIDTH: Final = 8
_ENCODINGS: Final = {"PLAIN", "RLE"}  # RLE would be that of levels, of which a column without gaps has none


class Stamp(NamedTuple):
    """Which file it is, and as of when: one that is written anew in its place is another."""

    inode: int
    size: int
    modified_ns: int


def stamp(path: Path | int) -> Stamp:
    """Return which file lies there, or is open."""
    found = os.fstat(path) if isinstance(path, int) else path.stat()
    return Stamp(found.st_ino, found.st_size, found.st_mtime_ns)


def offsets(path: Path, about: pq.FileMetaData, place: int) -> npt.NDArray[np.int64] | None:
    """Return where the values of each group of rows begin in the file; None unless all of them lie plain."""
    column = about.schema.column(place)
    levels = column.max_definition_level or column.max_repetition_level
    if sys.byteorder != "little" or column.physical_type != "INT64" or levels:
        return None
    found = np.empty(about.num_row_groups, np.int64)
    with path.open("rb") as file:
        for number in range(about.num_row_groups):
            group = about.row_group(number)
            chunk = group.column(place)
            size = group.num_rows * _WIDTH
            begins = _begins(size)
            if chunk.compression != "UNCOMPRESSED" or not _ENCODINGS.issuperset(chunk.encodings):
                return None
            # The header names the size of its page, so that values which are all there are all in this one.
            if os.pread(file.fileno(), len(begins), chunk.data_page_offset) != begins:
                return None
            found[number] = chunk.data_page_offset + chunk.total_compressed_size - size
    return found


def read(
    path: Path, known: Stamp, begins: npt.NDArray[np.int64], rows: Sequence[int], dtype: type[np.generic]
) -> npt.NDArray[Any]:
    """Return the values of some groups of rows, given where each begins and how many it holds. Raises OSError when it is not the
    file any more that is known.
    """
    found, done = np.empty(sum(rows), dtype), 0
    into = found.view(np.uint8).data
    with path.open("rb") as file:
        if stamp(file.fileno()) != known:
            raise OSError(f"{path.name} was written anew while it was read")
        for begin, count in zip(begins, rows, strict=True):
            wanted = into[done : done + count * _WIDTH]
            while wanted:
                got = os.preadv(file.fileno(), [wanted], int(begin) + count * _WIDTH - len(wanted))
                if not got:
                    raise OSError(f"{path.name} ends before its values do")
                wanted = wanted[got:]
            done += count * _WIDTH
    return found


def _begins(size: int) -> bytes:
    """Return how the header of an uncompressed data page of `size` bytes begins, in Thrift's compact protocol: its type (0, a data
    page), and its size, before and after a compression that there was not.
    """
    value, number = size << 1, bytearray()  # zigzag, then seven bits to a byte
    while value > 0x7F:
        number.append(value & 0x7F | 0x80)
        value >>= 7
    number.append(value)
    return b"\x15\x00" + (b"\x15" + bytes(number)) * 2
