"""Long series of truth values, packed."""

from __future__ import annotations

from typing import Final, cast

import numpy as np
import numpy.typing as npt

BYTE: Final = 8
_WORD: Final = 64


class Bits:
    """A long series of truth values, eight to a byte: what neighbours have in common is counted 64 rows at a time."""

    def __init__(self, flags: npt.NDArray[np.bool_]) -> None:
        self.n = len(flags)
        packed = np.packbits(flags, bitorder="little")
        self._bytes = np.bitwise_count(packed)
        padded = np.zeros(-(-len(packed) // BYTE) * BYTE, np.uint8)
        padded[: len(packed)] = packed
        self._words = padded.view("<u8")
        self._flags = flags
        self.total = int(self._bytes.sum(dtype=np.int64))

    def covariance(self, lag: int) -> float:
        """Return the autocovariance at a lag: the mean over all rows of (x[i] - mean)(x[i + lag] - mean)."""
        words, shift = divmod(lag, _WORD)
        later = self._words[words:]
        if shift:
            following = np.append(later[1:], np.uint64(0))
            later = (later >> np.uint64(shift)) | (following << np.uint64(_WORD - shift))
        both = int(np.bitwise_count(self._words[: len(later)] & later).sum(dtype=np.int64))
        mean = self.total / self.n
        outside = int(np.count_nonzero(self._flags[:lag])) + int(np.count_nonzero(self._flags[self.n - lag :]))
        return (both - mean * (2 * self.total - outside) + (self.n - lag) * mean * mean) / self.n

    def counts(self, length: int) -> npt.NDArray[np.int64]:
        """Return how many are true in each block of `length` rows, a multiple of 8, that begins at every eighth row."""
        whole = self._bytes[: self.n // BYTE]
        running = np.concatenate(([0], np.cumsum(whole, dtype=np.int64)))
        step = length // BYTE
        return cast("npt.NDArray[np.int64]", running[step:] - running[:-step])
