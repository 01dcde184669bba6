"""Words that are learnt while a run goes on, because nobody knew them when it was planned."""

from __future__ import annotations

import json
from pathlib import Path

OTHERS = "(other names)"


class LearntWords:
    """A growing vocabulary of one column, one JSON line a word, on disk before any row that uses it.

    At most `most` words: the last place stands for all others.
    """

    def __init__(self, path: Path, column: str, most: int) -> None:
        self._path = path
        self._column = column
        self._most = most
        self._codes: dict[str, int] = {}

    @classmethod
    def beside(cls, stream: Path, column: str, most: int) -> LearntWords:
        """Return the words beside a stream, for `words_beside` to find."""
        return cls(_path(stream), column, most)

    def code(self, word: str) -> int:
        """Return the code of a word; a new one is written down first."""
        known = self._codes.get(word)
        if known is not None:
            return known
        code = len(self._codes)
        if code >= self._most - 1:
            word, code = OTHERS, self._most - 1
            if word in self._codes:
                return code
        self._codes[word] = code
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"column": self._column, "code": code, "word": word}) + "\n")
        return code


def words_beside(stream: Path) -> dict[str, list[str]]:
    """Return the words that were learnt beside a stream, by column; a torn last line is left out."""
    path = _path(stream)
    if not path.exists():
        return {}
    found: dict[str, dict[int, str]] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        found.setdefault(entry["column"], {})[int(entry["code"])] = entry["word"]
    return {column: [words.get(code, OTHERS) for code in range(max(words) + 1)] for column, words in found.items()}


def _path(stream: Path) -> Path:
    return stream.with_suffix(".words.jsonl")
