"""Names of routes that a load process learns on the way, kept beside its stream of samples.

A stream's vocabulary is fixed when the stream begins. Names that a user's own code gives its requests are not known by
then: each is written to a file of its own before the first row that uses it, so that a crash loses no name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

MOST_NAMES: Final = 250
OTHERS: Final = "(other names)"


def beside(stream: Path) -> Path:
    """Return where the learnt names of a stream stand."""
    return stream.with_suffix(".routes.jsonl")


class LearntRoutes:
    """Codes of route names: the `known` ones first, then new ones as they come.

    A row has one byte for its route, so that beyond 250 names all further ones share one.
    """

    def __init__(self, path: Path, known: Sequence[str]) -> None:
        self._codes = {name: code for code, name in enumerate(known)}
        self._path = path

    def code(self, name: str) -> int:
        """Return the code of a name; a new one is on disk when this returns."""
        code = self._codes.get(name)
        if code is not None:
            return code
        if len(self._codes) >= MOST_NAMES and name != OTHERS:
            return self.code(OTHERS)
        code = self._codes[name] = len(self._codes)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, json.dumps(name).encode() + b"\n")
        finally:
            os.close(descriptor)
        return code


def learnt_routes(stream: Path) -> list[str]:
    """Return the names learnt beside a stream, in the order of their codes; a torn last line named no row."""
    try:
        lines = beside(stream).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    names = []
    for line in lines:
        try:
            names.append(str(json.loads(line)))
        except ValueError:
            break
    return names
