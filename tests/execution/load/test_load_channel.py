"""What a load process is told and what it says: its configuration file, its lines, its own cost."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import gevent
import pytest
from pydantic import ValidationError

from gatebench.execution.load.channel import Channel
from gatebench.execution.load.config import WorkerConfig
from gatebench.execution.load.usage import Usage
from gatebench.plan import Endpoint
from tests.execution.load.plans import load_plan


def test_lines_arrive_whole_whatever_the_pieces() -> None:
    """JSON objects are read line by line; rubbish is passed over; the end of the pipe ends the messages."""
    read_fd, write_fd = os.pipe()
    for piece in (b'{"t0', b'_ns": 5}\n{"stop": true}\nrubbish\n[1]\n\n{"half": ', b""):
        os.write(write_fd, piece)
    os.close(write_fd)
    out_read, out_write = os.pipe()
    assert list(Channel(read_fd, out_write).messages()) == [{"t0_ns": 5}, {"stop": True}]
    for descriptor in (read_fd, out_read, out_write):
        os.close(descriptor)


def test_waiting_for_words_or_for_room_lets_others_run() -> None:
    """A silent parent and a full pipe hold up nobody but who waits; no byte is lost."""
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    channel = Channel(in_read, out_write)
    listening = gevent.spawn(lambda: list(channel.messages()))
    speaking = gevent.spawn(channel.say, {"long": "x" * 300_000})
    for _ in range(3):
        gevent.sleep(0.001)
    assert not listening.ready()
    assert not speaking.ready()
    data = b""
    while not data.endswith(b"\n"):
        data += os.read(out_read, 65536)
        gevent.sleep(0.001)
    assert speaking.get() is True
    assert json.loads(data) == {"long": "x" * 300_000}
    os.write(in_write, b'{"stop":true}\n')
    os.close(in_write)
    assert listening.get() == [{"stop": True}]
    os.close(out_read)
    assert channel.say({"anybody": "there"}) is False
    os.close(out_write)
    os.close(in_read)


def test_a_configuration_survives_its_file(tmp_path: Path) -> None:
    """What the engine writes is what the process reads, the plan included."""
    path = tmp_path / "load-1.config.json"
    made = WorkerConfig(
        role="worker",
        plan=load_plan(workers=2, warmup_s=0.5, stream=True),
        endpoints={"target": Endpoint(host="127.0.0.1", port=8080)},
        worker=1,
        stream_path=tmp_path / "samples-1.arrow",
        facts_path=tmp_path / "load-1.json",
    )
    made.write(path)
    assert WorkerConfig.read(path) == made


def test_a_configuration_that_cannot_work_is_refused_with_every_reason() -> None:
    """A worker without paths and beyond the plan's number is told both."""
    with pytest.raises(ValidationError) as refusal:
        WorkerConfig(role="local", plan=load_plan(), endpoints={"target": Endpoint(host="h", port=1)}, worker=1)
    assert "stream_path" in str(refusal.value)
    assert "beyond the plan's 1" in str(refusal.value)
    assert (
        WorkerConfig(role="master", plan=load_plan(), endpoints={"target": Endpoint(host="h", port=1)}).stream_path
        is None
    )


def test_usage_is_processor_time_of_the_load() -> None:
    """A busy core shows as a share near one of the wall time, and never before the load began."""
    usage = Usage()
    usage.tick()
    assert usage.facts()["cpu_share"] == 0.0
    usage.begin()
    began_s = time.process_time()
    while time.process_time() - began_s < 0.05:
        pass
    usage.tick()
    facts = usage.facts()
    assert 0.05 <= facts["cpu_s"] <= facts["wall_s"] * 2
    assert 0 < facts["cpu_share"] <= facts["cpu_share_peak"]
    assert facts["max_rss_bytes"] > 1_000_000


def test_usage_finds_the_busiest_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over 3 s at 10 %, 90 % and 20 % the share is 40 % and the peak 90 %; a tick after a moment looks at nothing."""
    second = 1_000_000_000
    times = iter(
        [
            (10 * second, 0),  # begin
            (11 * second, second // 10),
            (12 * second, second),
            (12 * second + 1000, second + 1000),  # too short to be an interval
            (13 * second, second * 12 // 10),
            (13 * second, second * 12 // 10),  # facts
        ]
    )
    monkeypatch.setattr("gatebench.execution.load.usage._now", lambda: next(times))
    usage = Usage()
    usage.begin()
    for _ in range(4):
        usage.tick()
    facts = usage.facts()
    assert (facts["cpu_share"], facts["cpu_share_peak"]) == (0.4, 0.9)
