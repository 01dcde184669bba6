"""A worker's post: it always ends, always says how, and never hides a row that could not be written."""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest

from gatebench.execution.load.channel import Channel
from gatebench.execution.load.config import WorkerConfig
from gatebench.execution.load.post import Post
from gatebench.execution.load.recorder import Recorder
from gatebench.execution.secrets import Secrets
from gatebench.plan import Endpoint
from gatebench.run.stream import StreamTail
from tests.execution.load import behaviours
from tests.execution.load.plans import load_plan
from tests.execution.load.servers import ScriptedServer
from tests.planned import MS

SOON_NS = 20 * MS


@pytest.fixture
def channel() -> Iterator[Channel]:
    """A channel whose parent is silent and has room for what is said."""
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    yield Channel(in_read, out_write)
    for descriptor in (in_read, in_write, out_read, out_write):
        os.close(descriptor)
    gc.unfreeze()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that answers."""
    with ScriptedServer(behaviours.plain) as made:
        yield made


def make_post(channel: Channel, server: ScriptedServer, root: Path, **plan: Any) -> Post:
    """Return a post that sends to `server`."""
    config = WorkerConfig(
        role="local",
        plan=load_plan(**plan),
        endpoints={"target": Endpoint(host="127.0.0.1", port=server.port)},
        stream_path=root / "samples-0.arrow",
        facts_path=root / "load-0.json",
    )
    return Post(config, Secrets(), channel)


def now_ns() -> int:
    """Return zero of a schedule that begins soon."""
    return time.monotonic_ns() + SOON_NS


def test_a_whole_duty(channel: Channel, server: ScriptedServer, tmp_path: Path) -> None:
    """Rows, stream and facts are whole, and a second user has nothing to do."""
    post = make_post(channel, server, tmp_path, rate="50/s", duration_s=0.2)
    post.begin(now_ns())
    post.begin(1)  # zero is set once
    post.stand()
    post.stand()
    assert post.finished.is_set()
    assert post.defect is None
    tail = StreamTail(tmp_path / "samples-0.arrow")
    assert tail.complete
    assert tail.table is not None
    assert tail.table.num_rows == len(server.requests) == 10
    facts = json.loads((tmp_path / "load-0.json").read_text())
    assert facts == post.facts
    assert (facts["rows"], facts["sent"], facts["stopped_ns"], facts["defect"]) == (10, 10, None, None)


def test_a_flush_that_fails_stops_the_load_and_is_told(
    channel: Channel, server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is a defect: the load stops, the post finishes, and the facts say why."""

    def full(self: Recorder) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Recorder, "flush", full)
    monkeypatch.setattr(gevent.get_hub(), "print_exception", lambda *_: None)
    post = make_post(channel, server, tmp_path, rate="50/s", duration_s=600)
    post.begin(now_ns())
    post.stand()
    assert "No space left" in repr(post.defect)
    facts = json.loads((tmp_path / "load-0.json").read_text())
    assert facts["stopped_ns"] is not None
    assert "No space left" in facts["defect"]


def test_a_stream_that_cannot_be_closed_does_not_keep_the_post(
    channel: Channel, server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes wrong at the very end is told too, and the end comes."""

    def full(self: Recorder) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Recorder, "close", full)
    post = make_post(channel, server, tmp_path, rate="50/s", duration_s=0.1)
    post.begin(now_ns())
    post.stand()
    assert post.finished.is_set()
    assert "No space left" in json.loads((tmp_path / "load-0.json").read_text())["defect"]
    monkeypatch.undo()
    post._recorder.close()


def test_a_post_that_nobody_mans_can_be_stopped(channel: Channel, server: ScriptedServer, tmp_path: Path) -> None:
    """Stopped before Locust brought a user: no rows, whole stream, finished."""
    post = make_post(channel, server, tmp_path)
    post.stop()
    post.stop()
    assert post.finished.wait(30)
    assert StreamTail(tmp_path / "samples-0.arrow").complete
    assert post.facts["t0_ns"] is None
    assert post.facts["rows"] == 0


def test_a_post_that_nobody_can_man_says_why(channel: Channel, server: ScriptedServer, tmp_path: Path) -> None:
    """When Locust fails to bring a user the first reason is kept."""
    post = make_post(channel, server, tmp_path)
    post.fail(ConnectionError("no master"))
    post.fail(RuntimeError("later"))
    assert post.finished.wait(30)
    assert post.facts["defect"] == "ConnectionError('no master')"
