"""What tasks raised: one entry a kind and place, with its line in the user's own file."""

from __future__ import annotations

import json
from pathlib import Path

from gatebench.execution.load.task_errors import TaskErrors


def raised_in(path: Path, code: str) -> Exception:
    """Run code as if it stood in that file, and return what it raised."""
    try:
        exec(compile(code, str(path), "exec"), {"json": json})
    except Exception as error:
        return error
    raise AssertionError("it raised nothing")


def test_the_line_is_that_of_the_users_file(tmp_path: Path) -> None:
    """Not that of the library in which the exception came up; the first traceback is kept."""
    path = tmp_path / "users.py"
    errors = TaskErrors([path])
    for text in ("[1", "[2"):
        errors.count("A.a", raised_in(path, f"\n\njson.loads('{text}')"))
    (found,) = errors.facts()
    assert (found["task"], found["where"], found["count"]) == ("A.a", "users.py:3", 2)
    assert found["exception"].startswith("json.decoder.JSONDecodeError: Expecting ',' delimiter")
    assert "json/decoder.py" in found["traceback"]


def test_kinds_and_places_are_told_apart_up_to_a_bound(tmp_path: Path) -> None:
    """The most frequent first; beyond twenty kinds the rest is one, and nothing is lost from the count."""
    path = tmp_path / "users.py"
    errors = TaskErrors([path])
    for line in range(30):
        errors.count("A.a", raised_in(path, "\n" * line + "1/0"))
    errors.count("A.a", raised_in(path, "1/0"))
    found = errors.facts()
    assert sum(one["count"] for one in found) == 31
    assert len(found) == 21
    assert found[0]["task"] == "other tasks"
    assert found[1]["where"] == "users.py:1"


def test_an_endless_message_is_cut() -> None:
    """Facts stay small."""
    errors = TaskErrors([])
    errors.count("A.a", ValueError("x" * 10_000))
    assert len(errors.facts()[0]["exception"]) < 400
    assert errors.facts()[0]["where"] == "nowhere"
