"""Imports of files that people edit: from their source each time, for bytecode may be older by up to a second, and litters."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType


class _SourceLoader(SourceFileLoader):
    """Compiles the source; neither reads nor writes `__pycache__`, whose entries are told apart by whole seconds and sizes."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


class _SourceFinder(MetaPathFinder):
    """Finds the modules below one package, on the package's own path."""

    def __init__(self, package: str) -> None:
        self._prefix = f"{package}."

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(self._prefix):
            return None
        specs = (
            FileFinder(folder, (_SourceLoader, SOURCE_SUFFIXES)).find_spec(fullname, target) for folder in path or ()
        )
        return next((spec for spec in specs if spec is not None and spec.loader is not None), None)


@contextlib.contextmanager
def no_bytecode() -> Iterator[None]:
    """Leave no bytecode behind of what is imported within the block, by whatever loader."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


@contextlib.contextmanager
def from_source(package: str) -> Iterator[None]:
    """Import what is below `package` from its source, within the block."""
    finder = _SourceFinder(package)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
