"""The books of a provider: one row an arrival, whatever becomes of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatebench.execution.upstream.attempt import Attempt
from gatebench.execution.upstream.ledger import Ledger
from gatebench.run.stream import StreamTail, StreamWriter
from gatebench.sample import ATTEMPT, COMPLETED, DROPPED, NEVER, NO_ARRIVAL, NO_WORD, UNFINISHED
from gatebench.stamp import RequestId, Stamp

ID = b"gb-0123abcd-%d-0-%b"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger is kept."""
    return tmp_path / "attempts.arrow"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    """An empty ledger of the run 0123abcd."""
    ledger = Ledger("provider-a", StreamWriter(ATTEMPT, path, {}), "0123abcd")
    yield ledger
    ledger.close()


def rows(path: Path) -> list[dict[str, int]]:
    """What can be read from the ledger now."""
    table = StreamTail(path).table
    assert table is not None
    return [dict(row) for row in table.to_pylist()]


def column(path: Path, name: str) -> list[int]:
    """One column of it."""
    return [row[name] for row in rows(path)]


class TestAttempts:
    @pytest.mark.parametrize("service_ns", [None, 0, 1234])
    @pytest.mark.parametrize("tenant", [b"", b"tenant-1"])
    def test_a_stamp_is_the_shared_one(self, service_ns: int | None, tenant: bytes) -> None:
        """The one-step formatting of the hot path gives exactly what gatebench.stamp gives."""
        attempt = Attempt(b"provider-a", 7, 100, 1)
        attempt.fingerprint = 0xABC
        attempt.tenant_name = tenant
        expected = Stamp("provider-a", 7, 150, 0xABC, tenant.decode(), service_ns)
        assert attempt.stamp(150, service_ns).decode() == str(expected)

    def test_a_row_has_every_column(self) -> None:
        """Its values stand in the order of the table, and differ where the facts do."""
        attempt = Attempt(b"p", 1, 3, 14, request_id=RequestId("0123abcd", 5, 6, 2), seen=7)
        attempt.first_token_ns, attempt.service_ns = 8, 9
        attempt.fault, attempt.status, attempt.stream = 10, 200, True
        attempt.fingerprint, attempt.tenant = 12, 13
        attempt.tokens_in, attempt.tokens_out, attempt.gap_max_us = 15, 16, 18
        names = [column.name for column in ATTEMPT.columns]
        assert dict(zip(names, attempt.row(17, DROPPED), strict=True)) == {
            "attempt": 1,
            "arrival_id": 5,
            "ordinal": 6,
            "kind": 2,
            "seen": 7,
            "arrived_ns": 3,
            "first_token_ns": 8,
            "ended_ns": 17,
            "service_ns": 9,
            "end": DROPPED,
            "fault": 10,
            "status": 200,
            "stream": 1,
            "fingerprint": 12,
            "tenant": 13,
            "connection": 14,
            "tokens_in": 15,
            "tokens_out": 16,
            "gap_max_us": 18,
        }

    def test_the_first_write_is_remembered_and_the_last_one_counts(self) -> None:
        """The first token keeps its time; the service time is that of the last write."""
        attempt = Attempt(b"p", 1, 100, 1)
        attempt.wrote(130)
        attempt.wrote(190)
        assert (attempt.first_token_ns, attempt.service_ns) == (130, 90)

    def test_a_request_that_comes_again_is_named_anew_only_for_its_times(self) -> None:
        """Victims are chosen by the request; times are drawn by the attempt. Without an id the ordinal names both."""
        request_id = RequestId("0123abcd", 5, 0, 0)
        first = Attempt(b"p", 1, 0, 1, request_id=request_id, seen=1)
        again = Attempt(b"p", 2, 0, 1, request_id=request_id, seen=2)
        assert first.request_key() == again.request_key() == first.latency_key() == b"5-0-0"
        assert again.latency_key() == b"5-0-0/2"
        assert Attempt(b"p", 3, 0, 1).latency_key() == Attempt(b"p", 3, 0, 1).request_key() == b"#3"


class TestLedger:
    def test_every_arrival_is_one_row(self, ledger: Ledger, path: Path) -> None:
        """Attempts are counted from 1 and written when they end, in the order in which they do."""
        first, second = ledger.arrive(b"", 1, 10), ledger.arrive(b"", 1, 20)
        ledger.hold(first)
        ledger.hold(second)
        assert (ledger.attempts, ledger.in_flight) == (2, 2)
        ledger.end(second, COMPLETED, 30)
        ledger.end(first, DROPPED, 40)
        ledger.flush()
        assert (ledger.in_flight, ledger.rows) == (0, 2)
        assert column(path, "attempt") == [2, 1]
        assert column(path, "end") == [COMPLETED, DROPPED]
        assert column(path, "ended_ns") == [30, 40]

    def test_an_attempt_ends_once(self, ledger: Ledger, path: Path) -> None:
        """What is said of it afterwards is not written."""
        attempt = ledger.arrive(b"", 1, 10)
        ledger.end(attempt, DROPPED, 30)
        ledger.end(attempt, COMPLETED, 40)
        ledger.close()
        assert column(path, "end") == [DROPPED]

    def test_what_is_in_flight_at_the_end_is_a_row_too(self, ledger: Ledger, path: Path) -> None:
        """Closing writes it, without an end; ending it later is harmless, and so is closing again."""
        attempt = ledger.arrive(ID % (3, b"l"), 1, 10)
        ledger.hold(attempt)
        ledger.close()
        ledger.end(attempt, COMPLETED, 20)
        ledger.close()
        assert StreamTail(path).complete
        assert [(row["end"], row["ended_ns"], row["arrival_id"]) for row in rows(path)] == [(UNFINISHED, NEVER, 3)]

    def test_how_often_an_id_was_seen(self, ledger: Ledger, path: Path) -> None:
        """Each arrival of an id is one more; another arrival, ordinal or kind is another id; no id is never seen."""
        for carrier in (ID % (3, b"l"), ID % (3, b"l"), b"gb-0123abcd-3-1-l", ID % (3, b"c"), b"", b"", ID % (3, b"l")):
            ledger.end(ledger.arrive(carrier, 1, 0), COMPLETED, 0)
        ledger.close()
        assert column(path, "seen") == [1, 2, 1, 1, 0, 0, 3]

    def test_seen_fits_its_column(self, ledger: Ledger, path: Path) -> None:
        """A request that comes 70 000 times is counted as far as the column goes."""
        for _ in range(70_000):
            ledger.end(ledger.arrive(ID % (3, b"c"), 1, 0), COMPLETED, 0)
        ledger.close()
        assert column(path, "seen")[-1] == 65_535

    @pytest.mark.parametrize(
        "carrier",
        [
            b"",
            b"no id at all",
            b"gb-ffffffff-3-0-l",  # of another run
            b"gb-0123abcd-4294967295-0-l",  # the code for "no arrival"
            b"gb-0123abcd-9999999999-0-l",  # more than the column holds
            b"gb-0123abcd-3-65536-l",
        ],
    )
    def test_what_is_not_an_id_of_this_run(self, ledger: Ledger, path: Path, carrier: bytes) -> None:
        """It has no arrival, no kind, and was never seen; its row stands all the same."""
        ledger.end(ledger.arrive(carrier, 1, 0), COMPLETED, 0)
        ledger.close()
        (row,) = rows(path)
        assert (row["arrival_id"], row["kind"], row["seen"]) == (NO_ARRIVAL, NO_WORD["u1"], 0)

    @pytest.mark.parametrize("carrier", [b"gb-0123abcd-4294967294-65535-r", b"trace gb-0123abcd-4294967294-65535-r;x"])
    def test_the_largest_id_fits(self, ledger: Ledger, path: Path, carrier: bytes) -> None:
        """It is found, also within other text."""
        ledger.end(ledger.arrive(carrier, 1, 0), COMPLETED, 0)
        ledger.close()
        (row,) = rows(path)
        assert (row["arrival_id"], row["ordinal"], row["kind"]) == (4294967294, 65535, 3)
