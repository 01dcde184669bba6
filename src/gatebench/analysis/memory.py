"""Has the process keep the memory that large columns are given back to, instead of asking the kernel for fresh pages each time."""

from __future__ import annotations

import contextlib
import ctypes
from functools import cache
from typing import Final

import pyarrow as pa

MANY_ROWS: Final = 1_000_000
"""A run of fewer rows takes no time worth the memory that is kept."""
_M_TRIM_THRESHOLD: Final = -1  # glibc, malloc.h
_M_MMAP_MAX: Final = -4
_KEPT_BYTES: Final = 2_000_000_000


@cache
def keep_memory() -> None:
    """Serve columns from the heap, which keeps what is given back: a column of ten million times is eighty megabytes, and pages that
    the kernel has to clear, or a hypervisor to find, cost more than what is computed in them. Arrow gets its own from there, too, so
    that what one gives back serves the other. Without glibc nothing changes (https://man7.org/linux/man-pages/man3/mallopt.3.html).
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        pa.set_memory_pool(pa.system_memory_pool())
