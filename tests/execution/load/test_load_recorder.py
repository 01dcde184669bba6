"""From a flight to a row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gatebench.execution.load.flight import Flight
from gatebench.execution.load.recorder import Recorder, last_stamp
from gatebench.run.stream import StreamTail, StreamWriter
from gatebench.sample import NEVER, NO_WORD, SAMPLE
from gatebench.stamp import Stamp, find_stamp
from gatebench.traffic import Request

OPENING = Stamp("provider-b", 9, 100, 0xAB, "tenant-1", None)
CLOSING = Stamp("provider-b", 9, 100, 0xAB, "tenant-1", 2500)
OTHER = Stamp("provider-a", 3, 50, 1, "tenant-0", 7)
WORDS = {
    "provider": ("provider-a", "provider-b"),
    "tenant": ("tenant-0", "tenant-1"),
    "route": ("chat",),
    "phase": ("p",),
}


def make_flight(body: bytes = b"", *, fingerprint: int = 0xAB, tenant: int = 1) -> Flight:
    """Return a flight with a different value in every column."""
    request = Request("POST", "/", b"", 0, tenant, False, fingerprint)
    flight = Flight(11, 0, 2, due_ns=1000, request=request, wire=b"")
    answer = flight.answer
    answer.body = body
    answer.sent_ns, answer.first_byte_ns, answer.first_token_ns, answer.done_ns = 1001, 1002, 1003, 1004
    answer.outcome, answer.cause, answer.status = 0, 0, 200
    answer.bytes_sent, answer.bytes_received = 300, 400
    answer.connection, answer.reused = 5, 1
    answer.tokens, answer.terminal, answer.gap_max_us = 24, 1, 99
    return flight


def row(tmp_path: Path, flight: Flight) -> dict[str, Any]:
    """Return the row of `flight`, written and read again."""
    path = tmp_path / "samples-0.arrow"
    recorder = Recorder(StreamWriter(SAMPLE, path, WORDS, {}), WORDS["provider"], WORDS["tenant"])
    recorder.record(flight)
    recorder.close()
    table = StreamTail(path).table
    assert table is not None
    return dict(table.to_pylist()[0])


def test_every_column_gets_its_own_fact(tmp_path: Path) -> None:
    """Each fact of a flight and of its stamp lands in the column of its name."""
    flight = make_flight(str(CLOSING).encode() + b'"usage":{"prompt_tokens":40,"completion_tokens":24}')
    flight.answer.head = b"HTTP/1.1 200 OK\r\nRetry-After: 7\r\nX-Cache: HIT\r\n\r\n"
    flight.answer.flaws = 2
    assert row(tmp_path, flight) == {
        "arrival_id": 11,
        "ordinal": 0,
        "kind": 0,
        "lane": 0,
        "phase": 2,
        "route": 0,
        "tenant": 1,
        "due_ns": 1000,
        "sent_ns": 1001,
        "first_byte_ns": 1002,
        "first_token_ns": 1003,
        "done_ns": 1004,
        "outcome": 0,
        "cause": 0,
        "status": 200,
        "bytes_sent": 300,
        "bytes_received": 400,
        "connection": 5,
        "reused": 1,
        "tokens": 24,
        "terminal": 1,
        "gap_max_us": 99,
        "provider": 1,
        "attempt": 9,
        "service_ns": 2500,
        "stamp_matches": 3,
        "retry_after_s": 7,
        "cache_claim": 1,
        "usage_in": 40,
        "usage_out": 24,
        "token_flaws": 2,
    }


@pytest.mark.parametrize(("fingerprint", "tenant", "matches"), [(0xAB, 1, 3), (0xAB, 0, 1), (0xAC, 1, 2), (0xAC, 0, 0)])
def test_a_stamp_of_another_request_shows(tmp_path: Path, fingerprint: int, tenant: int, matches: int) -> None:
    """Bit 0 says that the prompt is the request's, bit 1 that the tenant is: a wrong hit or a leak is seen."""
    flight = make_flight(str(CLOSING).encode(), fingerprint=fingerprint, tenant=tenant)
    assert row(tmp_path, flight)["stamp_matches"] == matches


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"gb1~broken~",
        str(CLOSING._replace(attempt=1 << 32)).encode(),
        str(CLOSING._replace(service_ns=1 << 63)).encode(),
        b"gb1~p~" + b"9" * 5000 + b"~1~0123456789abcdef~t~1~",
    ],
)
def test_without_a_stamp(tmp_path: Path, body: bytes) -> None:
    """An answer without a stamp, or with an unbelievable one, names no provider, no attempt and no service time."""
    found = row(tmp_path, make_flight(body))
    assert [found[name] for name in ("provider", "attempt", "service_ns", "stamp_matches")] == [
        NO_WORD["u1"],
        0,
        NEVER,
        0,
    ]


def test_a_provider_that_is_not_ours_has_no_word(tmp_path: Path) -> None:
    """A stamp with a name that the plan does not know keeps its attempt and gets no provider."""
    stranger = Stamp("somebody", 4, 1, 0xAB, "tenant-1", 1)
    found = row(tmp_path, make_flight(str(stranger).encode()))
    assert (found["provider"], found["attempt"]) == (NO_WORD["u1"], 4)


@pytest.mark.parametrize(
    "stamps",
    [
        [],
        [CLOSING],
        [OPENING],
        [OPENING, CLOSING],
        [OPENING] * 100 + [OPENING, CLOSING],
        [OTHER] + [OPENING] * 100,
        [OTHER, CLOSING, OPENING],
    ],
)
def test_the_stamp_from_the_end_is_the_one_that_the_whole_search_finds(stamps: list[Stamp]) -> None:
    """Looking from the end finds what `find_stamp` finds from the start."""
    body = b"data: " + b"\n\ndata: ".join(str(stamp).encode() for stamp in stamps) + b"\n\n"
    assert last_stamp(body) == find_stamp(body)
