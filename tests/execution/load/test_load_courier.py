"""Rows cross the network whole and in order, however often the way breaks."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from gatebench.alignment import Alignment, Exchange, align, reading
from gatebench.execution.load import courier as carrying
from gatebench.execution.load.courier import Courier
from gatebench.execution.load.member import Inbox, Member


def test_pieces_arrive_as_they_were_written(tmp_path: Path) -> None:
    """A file that grows is brought over piece by piece, and the other side has the same bytes."""
    source = tmp_path / "stream"
    source.write_bytes(b"")
    inbox = Inbox(tmp_path, 3)
    courier = Courier(source, inbox.take)
    for size in (0, 1, 300_000, 7):
        with source.open("ab") as file:
            file.write(random.Random(size).randbytes(size))
        courier.push()
        courier.taken(inbox.size)
        assert courier.all_taken()
    assert (tmp_path / "samples-3.arrow").read_bytes() == source.read_bytes()


def test_no_more_than_a_window_is_on_the_way(tmp_path: Path) -> None:
    """A master that confirms nothing is not buried; one that does is sent the rest."""
    source = tmp_path / "stream"
    source.write_bytes(bytes(3_000_000))
    sent: list[tuple[int, int]] = []
    courier = Courier(source, lambda offset, data: sent.append((offset, len(data))))
    courier.push()
    courier.push()
    assert sum(size for _, size in sent) == 8 * 131_072
    courier.taken(131_072)
    courier.push()
    assert sum(size for _, size in sent) == 9 * 131_072
    assert not courier.all_taken()


def test_what_was_swallowed_is_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second piece is lost, some come twice: after a while the file is whole all the same."""
    source = tmp_path / "stream"
    content = random.Random(5).randbytes(1_500_000)
    source.write_bytes(content)
    inbox = Inbox(tmp_path, 0)
    draw = random.Random(7)

    def swallow(offset: int, data: bytes) -> None:
        if draw.random() < 0.5:
            inbox.take(offset, data)
        if draw.random() < 0.3:
            inbox.take(offset, data)

    monkeypatch.setattr(carrying, "_AGAIN_S", -1.0)
    courier = Courier(source, swallow)
    for _ in range(1000):
        courier.push()
        courier.taken(inbox.size)
        if courier.all_taken():
            break
    assert (tmp_path / "samples-0.arrow").read_bytes() == content


def member(offset_ns: int, *, one_clock: bool = False) -> Member:
    """Return a worker whose clock is that far ahead."""
    seen = Exchange(1_000_000, 1_000_100 + offset_ns, 1_000_100 + offset_ns, 1_000_200)
    facts = {"gatebench": "1", "host": "abc", "headers": ["secret"], "pid": 7}
    return Member("id", 1, remote=True, one_clock=one_clock, facts=facts, before=reading([seen]))


def test_zero_is_told_on_the_workers_own_clock() -> None:
    """A clock that is a second ahead is told a second more; the run's own is told the same."""
    assert member(10**9).begins_at(5_000) == 10**9 + 5_000
    assert member(0, one_clock=True).begins_at(5_000) == 5_000


def test_moments_in_facts_are_the_runs(tmp_path: Path) -> None:
    """What a worker says of its beginning and its stop is translated; what never happened stays that way."""
    clock: Alignment = align(reading([Exchange(0, 10**9 + 50, 10**9 + 50, 100)]))
    told = Inbox(tmp_path, 2).finish({"t0_ns": 10**9 + 500, "stopped_ns": None, "rows": 3}, clock)
    assert told == {"t0_ns": 500, "stopped_ns": None, "rows": 3}
    assert (tmp_path / "load-2.json").exists()


def test_a_record_says_no_more_than_it_should() -> None:
    """run.json gets versions and clock, not the rest of what a worker said."""
    found = member(10**9).record({"gatebench": "1"})
    assert (found.worker, found.place, found.host, found.differs) == (1, "remote", "abc", [])
    assert np.isclose(found.clock.offset_ns, 10**9)
    assert "secret" not in found.model_dump_json()
