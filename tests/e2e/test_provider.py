"""A simulated provider as gateways meet it: a process of its own, on a real port, that can be killed."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil
import pytest

from gatebench.execution.upstream.latency import Latency
from gatebench.sample import CANCELLED, COMPLETED, DROPPED, NEVER, UNFINISHED
from gatebench.scenario import LatencyModel
from gatebench.stamp import Stamp, find_stamp, find_stamps, fingerprint
from tests.execution.upstream.running import CHAT, PATIENCE_S, RUN, Running, command, write_config

pytestmark = pytest.mark.e2e

SLOW = {"ttft_median_ms": 3_600_000, "ttft_sigma": 0}
MS = 1_000_000
DROP: dict[str, Any] = {"mechanism": "provider.drop", "parameters": {}, "ttl_ns": 60_000 * MS}


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Running]:
    """Start a provider that answers at once."""
    with Running(tmp_path) as provider:
        yield provider


def until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def request_id(arrival: int, kind: str = "l") -> dict[str, str]:
    """A header that names a request of this run."""
    return {"x-request-id": f"gb-{RUN}-{arrival}-0-{kind}"}


def ask(
    connection: http.client.HTTPConnection, what: object = CHAT, headers: dict[str, str] | None = None
) -> tuple[http.client.HTTPResponse, bytes]:
    """Ask for a completion and read the answer."""
    connection.request("POST", "/v1/chat/completions", orjson.dumps(what), headers or {})
    answer = connection.getresponse()
    return answer, answer.read()


def send(provider: Running, what: object = CHAT, arrival: int = 1) -> socket.socket:
    """Send a request over a fresh connection and leave the answer unread."""
    body = orjson.dumps(what)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\nx-request-id: gb-{RUN}-{arrival}-0-l\r\n"
    connection = socket.create_connection(("127.0.0.1", provider.port), timeout=PATIENCE_S)
    connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    return connection


def events_of(body: bytes) -> list[bytes]:
    """The data of the server-sent events in `body`, read strictly: `data: ` lines, each followed by one empty line."""
    *events, rest = body.split(b"\n\n")
    assert rest == b""
    assert all(event.startswith(b"data: ") and b"\n" not in event for event in events)
    return [event.removeprefix(b"data: ") for event in events]


def in_flight(provider: Running) -> int:
    """How many attempts are in flight, by the provider's own account."""
    return int(provider.admin("GET", "state")[1]["in_flight"])


class TestAnswers:
    def test_the_stamp_is_everywhere(self, provider: Running) -> None:
        """Id, system fingerprint, content and header say the same, and name the prompt, the tenant and the attempt."""
        connection = provider.connect()
        ask(connection)
        answer, body = ask(connection, headers=request_id(9) | {"x-gatebench-tenant": "tenant-1"})
        said = orjson.loads(body)
        stamp = answer.getheader("x-gatebench-stamp")
        assert stamp is not None
        assert said["id"] == f"chatcmpl-{stamp}"
        assert said["system_fingerprint"] == stamp
        assert said["choices"][0]["message"]["content"] == f"w1 w2 w3 w4 {stamp}"
        assert find_stamps(body) == [find_stamp(stamp.encode())] * 3
        parsed = find_stamp(body)
        assert parsed is not None
        assert (parsed.provider, parsed.attempt, parsed.tenant) == ("provider-a", 2, "tenant-1")
        assert parsed.fingerprint == fingerprint("amber anchor apple")
        connection.close()

    def test_a_strict_client_understands_the_stream(self, provider: Running) -> None:
        """Every event is one data line with JSON of the right shape; the words are complete; the terminal event is last."""
        what = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
        url = f"http://127.0.0.1:{provider.port}/v1/chat/completions"
        with httpx.stream("POST", url, json=what, trust_env=False) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            first = find_stamp(answer.headers["x-gatebench-stamp"].encode())
            body = answer.read()
        *events, terminal = events_of(body)
        assert terminal == b"[DONE]"
        *chunks, usage = [orjson.loads(event) for event in events]
        content = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
        assert [word for word in content.split() if word.startswith("w")] == ["w1", "w2", "w3", "w4"]
        assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * 4 + ["stop"]
        assert usage["usage"] == {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
        last = find_stamp(body)
        assert first is not None
        assert last is not None
        assert (first.attempt, first.service_ns) == (last.attempt, None)
        assert last.service_ns is not None

    def test_a_lenient_reader_would_not_have_seen_it(self) -> None:
        """The strict reader refuses events that run together, and events that are none."""
        for broken in (b"data: 1\ndata: 2\n\n", b"data: 1\n\ndata: 2", b"event: x\n\n", b"data:1\n\n"):
            with pytest.raises(AssertionError):
                events_of(broken)

    def test_tokens_come_one_after_the_other(self, tmp_path: Path) -> None:
        """Each token is an event of its own in time: the gaps are there, and the first one came at its own time."""
        latency = {"ttft_median_ms": 30, "ttft_sigma": 0, "token_ms": 20, "token_sigma": 0}
        with Running(tmp_path, latency=latency) as provider:
            start_ns, data = time.monotonic_ns(), b""
            connection = send(provider, CHAT | {"stream": True})
            seen_ns: dict[int, int] = {}
            while b"[DONE]" not in data:
                data += connection.recv(65_536)
                for number in range(1, 5):
                    if b"w%d" % number in data:
                        seen_ns.setdefault(number, time.monotonic_ns() - start_ns)
            connection.close()
            provider.flush()
            (row,) = provider.rows
        # Timers have a grain of 1 ms and round to the nearest.
        assert seen_ns[1] >= 28 * MS
        assert seen_ns[4] >= 88 * MS
        assert len(set(seen_ns.values())) == 4
        assert 28 * MS <= row["first_token_ns"] - row["arrived_ns"] <= seen_ns[1] + MS
        assert 88 * MS <= row["service_ns"] <= row["ended_ns"] - row["arrived_ns"]

    def test_the_service_time_is_what_a_client_waits_for(self, tmp_path: Path) -> None:
        """Stamped time never exceeds what the client observed, is never under what was drawn, and is the ledger's."""
        latency = {"ttft_median_ms": 20, "ttft_sigma": 0, "token_ms": 2, "token_sigma": 0}
        with Running(tmp_path, latency=latency) as provider:
            connection = provider.connect()
            stamped: list[Stamp] = []
            for number in range(20):
                start_ns = time.monotonic_ns()
                _, body = ask(connection, headers=request_id(number))
                observed_ns = time.monotonic_ns() - start_ns
                stamp = find_stamp(body)
                assert stamp is not None
                assert stamp.service_ns is not None
                assert 25 * MS <= stamp.service_ns <= observed_ns
                stamped.append(stamp)
            connection.close()
            provider.flush()
            rows = provider.rows
        assert [row["service_ns"] for row in rows] == [stamp.service_ns for stamp in stamped]
        assert [row["arrived_ns"] + row["service_ns"] for row in rows] == [stamp.made_ns for stamp in stamped]

    def test_the_seed_decides_how_long_it_takes(self, tmp_path: Path) -> None:
        """No request takes less than the time that its seed draws (by a timer's grain); another seed's times do not hold."""
        model = LatencyModel(ttft_median_ms=20, ttft_sigma=2.0, token_ms=0)
        with Running(tmp_path, latency=model.model_dump()) as provider:
            for connection in [send(provider, arrival=number) for number in range(20)]:
                assert connection.recv(10)
                connection.close()
            provider.flush()
            took_ns = {row["arrival_id"]: row["service_ns"] for row in provider.rows}

        def holds(seed: int) -> bool:
            latency = Latency(model, seed, "provider-a")
            drawn_ns = {number: latency.token_due_ns(b"%d-0-0" % number, 1)[0] for number in took_ns}
            return all(took_ns[number] >= drawn_ns[number] - 2 * MS for number in took_ns)

        assert len(took_ns) == 20
        assert holds(7)
        assert not holds(8)


class TestLedger:
    def test_rows_are_requests(self, provider: Running) -> None:
        """Answered, dropped and cancelled: as many rows as requests, each with its own end, joined by their ids."""
        connection = provider.connect()
        for number in range(50):
            ask(connection, headers=request_id(number))
        connection.close()
        provider.admin("PUT", "faults/fault-1", DROP)
        for number in range(50, 60):
            with send(provider, arrival=number) as dropped:
                assert dropped.recv(10) == b""
        assert provider.admin("DELETE", "faults/fault-1")[1]["hits"] == 10
        provider.flush()
        rows = provider.rows
        assert sorted(row["arrival_id"] for row in rows) == list(range(60))
        assert [row["attempt"] for row in rows] == list(range(1, 61))
        assert [(row["end"], row["fault"], row["status"]) for row in rows] == [(COMPLETED, 0, 200)] * 50 + [
            (DROPPED, 2, 0)
        ] * 10
        assert {row["connection"] for row in rows[:50]} == {rows[0]["connection"]}
        assert len({row["connection"] for row in rows[50:]}) == 10

    def test_who_leaves_is_written_down(self, tmp_path: Path) -> None:
        """A caller that closes before the end leaves a cancelled row at once."""
        with Running(tmp_path, latency=SLOW) as provider:
            connections = [send(provider, arrival=number) for number in range(5)]
            until(lambda: in_flight(provider) == 5)
            for connection in connections:
                connection.close()
            until(lambda: in_flight(provider) == 0)
            provider.flush()
            assert [row["end"] for row in provider.rows] == [CANCELLED] * 5

    def test_a_retried_request_is_counted(self, provider: Running) -> None:
        """The same id thrice is three attempts, the third of which was seen three times."""
        connection = provider.connect()
        for _ in range(3):
            ask(connection, headers=request_id(4))
        connection.close()
        provider.flush()
        assert [row["seen"] for row in provider.rows] == [1, 2, 3]

    def test_rows_are_flushed_every_second(self, provider: Running) -> None:
        """Nobody has to ask."""
        connection = provider.connect()
        ask(connection)
        connection.close()
        until(lambda: len(provider.rows) == 1)


class TestEnds:
    def test_sigterm_closes_the_books(self, tmp_path: Path) -> None:
        """Attempts in flight are rows, the stream is complete, the callers see their connections end, and the exit is 0."""
        with Running(tmp_path, latency=SLOW) as provider:
            connections = [send(provider, CHAT | {"stream": bool(number % 2)}, arrival=number) for number in range(4)]
            until(lambda: in_flight(provider) == 4)
            start = time.monotonic()
            assert provider.stop() == 0
            assert time.monotonic() - start < 5
            assert provider.tail.complete
            assert sorted(row["arrival_id"] for row in provider.rows) == [0, 1, 2, 3]
            assert [(row["end"], row["ended_ns"]) for row in provider.rows] == [(UNFINISHED, NEVER)] * 4
            assert provider.errors == ""
            for connection in connections:
                assert connection.recv(10) == b""
                connection.close()

    def test_ctrl_c_does_the_same(self, provider: Running) -> None:
        """SIGINT ends it as SIGTERM does."""
        provider.process.send_signal(signal.SIGINT)
        assert provider.process.wait(PATIENCE_S) == 0
        assert provider.tail.complete

    def test_sigkill_loses_at_most_what_was_not_flushed(self, provider: Running) -> None:
        """Rows that are older than the last flush survive, and the torn stream says that it is torn."""
        connection = provider.connect()
        for number in range(100):
            ask(connection, headers=request_id(number))
        until(lambda: len(provider.rows) == 100)
        ask(connection, headers=request_id(100))
        os.kill(provider.process.pid, signal.SIGKILL)
        provider.process.wait(PATIENCE_S)
        connection.close()
        assert not provider.tail.complete
        assert [row["arrival_id"] for row in provider.rows][:100] == list(range(100))

    def test_a_port_that_is_taken(self, tmp_path: Path) -> None:
        """One sentence says so and what to do, without a traceback, and the exit code is that of a failed environment."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            path = write_config(tmp_path, port=taken.getsockname()[1])
            done = subprocess.run(command(path), capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert done.returncode == 5
        assert done.stderr.count("\n") == 1
        assert "Stop what listens there or choose another port." in done.stderr

    def test_a_disk_that_is_full(self, tmp_path: Path) -> None:
        """A ledger that cannot be written ends the provider with a sentence: without its books it measures nothing."""
        with Running(tmp_path, stream_path="/dev/full") as provider:
            connection = provider.connect()
            ask(connection)
            connection.close()
            assert provider.process.wait(PATIENCE_S) == 5
            assert "provider-a: the ledger cannot be written" in provider.errors
            assert "Traceback" not in provider.errors

    def test_a_bad_configuration(self, tmp_path: Path) -> None:
        """Every problem is a sentence on standard error, and the exit code is that of a wrong command."""
        path = write_config(tmp_path, port=-1, name="a b")
        done = subprocess.run(command(path), capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert (done.returncode, done.stderr.count("\n")) == (2, 2)

    def test_starting_is_quick(self, tmp_path: Path) -> None:
        """It has little to do before it answers GET /health, and loads neither pandas nor locust."""
        with Running(tmp_path) as provider:
            worked = psutil.Process(provider.process.pid).cpu_times()
            connection = provider.connect()
            connection.request("GET", "/health")
            assert connection.getresponse().status == 200
            connection.close()
            provider.flush()
            maps = Path(f"/proc/{provider.process.pid}/maps").read_text()
        assert worked.user + worked.system < 3  # seconds of a processor, however busy the machine is
        assert "pandas" not in maps
        assert "gevent" not in maps


class TestFaults:
    def test_a_fault_ends_by_itself(self, provider: Running) -> None:
        """After its time to live requests are answered again, and clearing says when it ended."""
        acknowledged = provider.admin("PUT", "faults/fault-0", DROP | {"ttl_ns": 2000 * MS})[1]
        assert acknowledged["expires_ns"] == acknowledged["acknowledged_ns"] + 2000 * MS
        with send(provider) as dropped:
            assert dropped.recv(10) == b""
        until(lambda: time.monotonic_ns() > acknowledged["expires_ns"])
        connection = provider.connect()
        assert ask(connection)[0].status == 200
        connection.close()
        cleared = provider.admin("DELETE", "faults/fault-0")[1]
        assert cleared == {"cleared_ns": acknowledged["expires_ns"], "was_active": False, "hits": 1}

    def test_it_bites_from_its_acknowledgement_on(self, provider: Running) -> None:
        """A pooled connection from before gets FIN instead of an answer, canaries too; health stays green."""
        pooled = provider.connect()
        ask(pooled)
        before_ns = time.monotonic_ns()
        acknowledged_ns = provider.admin("PUT", "faults/fault-0", DROP)[1]["acknowledged_ns"]
        assert before_ns <= acknowledged_ns <= time.monotonic_ns()
        with pytest.raises(http.client.RemoteDisconnected):
            ask(pooled, headers=request_id(1, kind="c"))
        connection = provider.connect()
        connection.request("GET", "/health")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b'{"status":"ok"}')
        with pytest.raises(http.client.RemoteDisconnected):
            connection.request("GET", "/v1/models")
            connection.getresponse()
        (fault,) = provider.admin("GET", "state")[1]["faults"]
        assert (fault["id"], fault["mechanism"], fault["hits"]) == ("fault-0", "provider.drop", 2)

    def test_a_share_of_requests(self, provider: Running) -> None:
        """With a probability some are dropped and some answered, the same ones each time."""
        provider.admin("PUT", "faults/fault-0", DROP | {"parameters": {"probability": 0.5}})
        seen: list[list[bool]] = []
        for _ in range(2):
            outcomes = []
            for number in range(40):
                with send(provider, arrival=number) as connection:
                    outcomes.append(connection.recv(10) != b"")
            seen.append(outcomes)
        assert seen[0] == seen[1]
        assert 0 < sum(seen[0]) < 40

    def test_clearing_heals_at_once(self, provider: Running) -> None:
        """The next request is answered; clearing again changes nothing."""
        provider.admin("PUT", "faults/fault-0", DROP)
        first = provider.admin("DELETE", "faults/fault-0")
        connection = provider.connect()
        assert ask(connection)[0].status == 200
        connection.close()
        assert first[1]["was_active"] is True
        assert provider.admin("DELETE", "faults/fault-0") == (200, first[1] | {"was_active": False})

    def test_the_token_is_needed(self, provider: Running) -> None:
        """Without it nothing is switched, and requests go on being answered."""
        assert provider.admin("PUT", "faults/fault-0", DROP, token="wrong")[0] == 401
        assert provider.admin("GET", "state", token="")[0] == 401
        connection = provider.connect()
        assert ask(connection)[0].status == 200
        connection.close()

    def test_every_problem_of_an_order(self, provider: Running) -> None:
        """A wrong id, an unknown mechanism and no time to live are named together."""
        status, said = provider.admin("PUT", "faults/other", {"mechanism": "provider.melt"})
        assert (status, len(said["problems"])) == (400, 3)
