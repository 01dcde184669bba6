"""The flags of a gateway are set and put back, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gatebench.content import Content
from gatebench.errors import EnvironmentFailure
from gatebench.execution.chaos.levers.flags import FlagsLever
from gatebench.execution.chaos.provable import provable
from gatebench.plan import PlannedFault

FLAGS_SET = Content().fault("flags-set")


def lever(path: Path, **parameters: str | int) -> FlagsLever:
    """Return the lever of a fault with these parameters on that file."""
    fault = PlannedFault(
        id="f1",
        name="flags-set",
        on="gateway",
        phase="x",
        start_ns=0,
        end_ns=1,
        parameters=parameters,
        definition=FLAGS_SET,
    )
    return FlagsLever(fault, path)


def test_set_changed_and_put_back(tmp_path: Path) -> None:
    """What stood there stands there again."""
    path = tmp_path / "flags.json"
    path.write_text('{"weights": {"a": 1}}')
    one = lever(path, rollback=1)
    first_ns = one.apply(10**9)
    assert json.loads(path.read_text()) == {"rollback": True}
    assert one.change({"weights": "b=1"}, 10**9) >= first_ns
    assert json.loads(path.read_text()) == {"rollback": False, "weights": {"b": 1.0}}
    assert one.clear().at_ns >= first_ns
    assert path.read_text() == '{"weights": {"a": 1}}'
    assert [file.name for file in tmp_path.iterdir()] == ["flags.json"]


def test_where_nothing_was_said_nothing_is_said_again(tmp_path: Path) -> None:
    """Without a file before, the flags afterwards change nothing; clearing what is off is harmless."""
    path = tmp_path / "flags.json"
    one = lever(path, weights="b=1")
    one.apply(10**9)
    one.clear()
    one.clear()
    assert json.loads(path.read_text()) == {"rollback": False}


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """In words, as any engine that refuses."""
    with pytest.raises(EnvironmentFailure, match="cannot be written"):
        lever(tmp_path / "nowhere" / "flags.json", rollback=1).apply(10**9)


def test_flags_that_say_nothing_are_refused_before_the_run() -> None:
    """So are weights that are none."""
    assert provable(FLAGS_SET, {"weights": "", "tenants": "", "rollback": 0}) == (
        "It says nothing; give weights, tenants or rollback."
    )
    assert "is no weight" in (provable(FLAGS_SET, {"weights": "a=x"}) or "")
    assert provable(FLAGS_SET, {"weights": "a=1"}) is None
