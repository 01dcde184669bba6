"""Says in sentences why a folder cannot be read as a run, before anybody tries: no run.json, a damaged one, one of another version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from gatebench import __version__
from gatebench.errors import Problem
from gatebench.run.assemble import ATTEMPTS_SCHEMA, SAMPLES_SCHEMA
from gatebench.run.folder import RUN_SCHEMA, RunFolder

_TABLES: Final = (("samples.parquet", SAMPLES_SCHEMA), ("attempts.parquet", ATTEMPTS_SCHEMA))
_NAMED_MOST: Final = 3


def unreadable(path: Path) -> list[Problem]:
    """Return everything that forbids to read the run folder at `path`; nothing where it can be read, in part at least.

    Tables that are missing or cut forbid nothing: a report shows what is there. Tables of another version do, for what their
    columns mean is not known.
    """
    try:
        text = (path / "run.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return [Problem(str(path), "is no run folder: it holds no run.json.", "Name a folder below runs/.")]
    except (OSError, UnicodeDecodeError) as error:
        return [Problem(f"{path}/run.json", f"cannot be read ({error}).", "Put back a copy, or run again.")]
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        what = f"is damaged: it is no JSON from line {error.lineno}, column {error.colno} on."
        return [
            Problem(f"{path}/run.json", what, "Without the plan nothing can be read; put back a copy, or run again.")
        ]
    schema = found.get("schema") if isinstance(found, dict) else None
    if schema != RUN_SCHEMA:
        return [_other_version(f"{path}/run.json", schema, RUN_SCHEMA)]
    try:
        RunFolder(path).load()
    except ValidationError as error:
        cure = "It was changed by hand or cut; put back a copy, or run again."
        return [Problem(f"{path}/run.json", f"does not hold what a run holds: {_faults(error)}.", cure)]
    return [problem for name, schema in _TABLES for problem in _table(path / name, schema)]


def _table(path: Path, schema: str) -> list[Problem]:
    try:
        said = (pq.read_schema(path).metadata or {}).get(b"gatebench")
        written = json.loads(said)["schema"] if said else schema
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError):
        return []  # missing or damaged: what reads it says so
    return [] if written == schema else [_other_version(str(path), written, schema)]


def _other_version(where: str, found: Any, wanted: str) -> Problem:
    what = f'has the schema "{found}"' if isinstance(found, str) else "names no schema"
    return Problem(
        where, f"{what}; this gatebench ({__version__}) reads {wanted}.", "Read it with the gatebench that made it."
    )


def _faults(error: ValidationError) -> str:
    """Return the first faults, each as the place in the file and what is wrong there."""
    listed = [f"{'.'.join(map(str, one['loc'])) or 'the whole'}: {one['msg']}" for one in error.errors()]
    more = f", and {len(listed) - _NAMED_MOST} more" if len(listed) > _NAMED_MOST else ""
    return "; ".join(listed[:_NAMED_MOST]) + more
