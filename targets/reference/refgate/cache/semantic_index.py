"""Finds the kept prompt that means nearly the same: by cosine, among those that may answer for each other."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .embedding import Vector

_FIRST_ROWS = 64


@dataclass(slots=True)
class _Frame:
    """The vectors of one frame: row `row` belongs to `keys[row]`; rows beyond them are room to grow."""

    vectors: Vector
    keys: list[str] = field(default_factory=list)


class SemanticIndex:
    """Vectors by frame. A frame is all that must be equal: tenant, path, model and every other parameter.

    Search compares with every vector of the frame, which is exact and, at 10 000 of them, about a millisecond. Beyond
    `capacity` vectors the oldest goes.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._frames: dict[str, _Frame] = {}
        self._frame_of: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._frame_of)

    def add(self, frame: str, key: str, vector: Vector) -> None:
        """Make `key` findable by `vector`; a key that is known keeps its place."""
        if key in self._frame_of:
            return
        if len(self._frame_of) >= self._capacity:
            self.remove(next(iter(self._frame_of)))
        found = self._frames.setdefault(frame, _Frame(np.empty((_FIRST_ROWS, len(vector)), np.float32)))
        row = len(found.keys)
        if row == len(found.vectors):
            found.vectors = np.concatenate((found.vectors, np.empty_like(found.vectors)))
        found.vectors[row] = vector
        found.keys.append(key)
        self._frame_of[key] = frame

    def remove(self, key: str) -> None:
        """Forget `key`; harmless when it is not there. The last row takes its place."""
        name = self._frame_of.pop(key, None)
        if name is None:
            return
        frame = self._frames[name]
        row, last = frame.keys.index(key), len(frame.keys) - 1
        frame.keys[row], frame.vectors[row] = frame.keys[last], frame.vectors[last]
        frame.keys.pop()
        if not frame.keys:
            del self._frames[name]

    def nearest(self, frame: str, vector: Vector, threshold: float) -> str | None:
        """Return the key whose vector is nearest, if their cosine is at least `threshold`."""
        found = self._frames.get(frame)
        if found is None:
            return None
        cosines = found.vectors[: len(found.keys)] @ vector
        best = int(cosines.argmax())
        return found.keys[best] if cosines[best] >= threshold else None
