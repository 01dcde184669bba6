"""A Prometheus is asked within its time and its address, and whatever it answers becomes rows or a sentence."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gatebench.execution import prometheus
from gatebench.plan import PrometheusPlan
from gatebench.run.folder import Clock
from gatebench.run.series import PROMETHEUS_PART, assemble_series

S = 10**9
Asked = list[dict[str, list[str]]]


@contextlib.contextmanager
def serving(
    answer: Callable[[BaseHTTPRequestHandler, dict[str, list[str]]], None],
) -> Iterator[tuple[PrometheusPlan, Asked]]:
    """Answer every query so; yields its plan and what was asked."""
    asked: Asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            words = parse_qs(urlsplit(self.path).query)
            asked.append(words | {"path": [urlsplit(self.path).path]})
            with contextlib.suppress(OSError):
                answer(self, words)

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield PrometheusPlan(url=f"http://127.0.0.1:{server.server_address[1]}", match='{job="g"}'), asked
        server.shutdown()


def answers(result: Any, status: int = 200) -> Callable[[BaseHTTPRequestHandler, dict[str, list[str]]], None]:
    """An answer with this result."""

    def answer(request: BaseHTTPRequestHandler, _words: dict[str, list[str]]) -> None:
        body = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()
        request.send_response(status)
        request.send_header("content-length", str(len(body)))
        request.send_header("location", "http://192.0.2.1/")
        request.end_headers()
        request.wfile.write(body)

    return answer


def drips(request: BaseHTTPRequestHandler, _words: dict[str, list[str]]) -> None:
    """An answer that always sends a little more."""
    request.send_response(200)
    request.end_headers()
    for _ in range(100):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.1)


def clock(length_s: int = 3, offset_ns: int = 0) -> Clock:
    """The clock of a run that has just ended."""
    now_ns = time.monotonic_ns()
    begin_ns = now_ns - length_s * S
    unix_ns = time.time_ns() - (now_ns - begin_ns) + offset_ns
    return Clock(monotonic_ns=begin_ns, unix_ns=unix_ns, load_start_ns=begin_ns, load_end_ns=now_ns)


def heard(folder: Path, plan: PrometheusPlan, when: Clock) -> Any:
    """What comes of asking."""
    prometheus.ask(plan, when, (), folder / PROMETHEUS_PART)
    (found,) = assemble_series(folder, folder / "series.parquet")
    return found


def test_its_series_are_asked_for_second_by_second(tmp_path: Path) -> None:
    """The window of the load in whole seconds, step 1 s, the selector as it was given."""
    with serving(answers([{"metric": {"__name__": "up"}, "values": [[1.0, "1"], [2.0, "0"]]}])) as (plan, asked):
        found = heard(tmp_path, plan, clock())
    assert (found.readings, found.series, found.failures, found.trouble) == (2, 1, {}, ())
    (one,) = asked
    assert (one["query"], one["step"], one["path"]) == (['{job="g"}'], ["1s"], ["/api/v1/query_range"])
    assert 2 <= int(one["end"][0]) - int(one["start"][0]) <= 3


def test_a_long_run_is_asked_for_in_parts(tmp_path: Path) -> None:
    """No second twice, none left out: a Prometheus gives 11 000 points of a series at most."""
    with serving(answers([])) as (plan, asked):
        heard(tmp_path, plan, clock(1500))
    windows = [(int(one["start"][0]), int(one["end"][0])) for one in asked]
    assert len(windows) == 3
    assert [later[0] - earlier[1] for earlier, later in pairwise(windows)] == [1, 1]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (answers([]), 'it knows nothing of {job="g"} in the time of the run'),
        (answers([], status=302), "it refuses"),
        (answers({"a": 1}), "its answer cannot be read"),
        (answers(None), "its answer cannot be read"),
        (
            lambda request, _: request.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n<html>"),
            "what answers there is no Prometheus",
        ),
        (lambda request, _: request.connection.close(), "nobody answers there"),
    ],
    ids=["empty", "elsewhere", "object", "null", "html", "hangs up"],
)
def test_what_is_no_answer_is_said(tmp_path: Path, answer: Any, why: str) -> None:
    """Nothing is raised, no redirect is followed, and there are no rows."""
    with serving(answer) as (plan, _):
        found = heard(tmp_path, plan, clock())
    assert next(iter(found.failures)).startswith(why)
    assert found.series == 0


def test_one_that_dribbles_costs_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is that of the whole answer."""
    monkeypatch.setattr(prometheus, "_ANSWER_S", 0.3)
    with serving(drips) as (plan, _):
        began_s = time.monotonic()
        found = heard(tmp_path, plan, clock())
        assert time.monotonic() - began_s < 3
    assert list(found.failures) == ["it did not answer within 0.3 s"]


def test_too_much_is_cut_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Series beyond the most, and answers beyond the size."""
    series = [{"metric": {"__name__": "a", "n": str(n)}, "values": [[1.0, "1"]]} for n in range(20)]
    monkeypatch.setattr(prometheus, "MOST_SERIES", 15)
    with serving(answers(series)) as (plan, _):
        found = heard(tmp_path, plan, clock())
    assert found.series == 15
    assert found.trouble[0].endswith("5 were left out")
    monkeypatch.setattr(prometheus, "_MOST_BYTES", 100)
    with serving(answers(series)) as (plan, _):
        assert "larger than" in next(iter(heard(tmp_path, plan, clock()).failures))


def test_a_clock_that_was_set_is_said(tmp_path: Path) -> None:
    """Moments of the calendar cannot be told then."""
    with serving(answers([])) as (plan, _):
        found = heard(tmp_path, plan, clock(offset_ns=-5 * S))
    assert "was set during the run, by 5.0 s" in found.trouble[0]


def test_it_is_asked_where_it_may_be(tmp_path: Path) -> None:
    """An address that nobody allowed gets no packet, and a port without a listener is named."""
    plan = PrometheusPlan(url="http://192.0.2.1:9090", match="{}")
    assert prometheus.refusal(plan, ()) == "its address is not allowed"
    assert list(heard(tmp_path, plan, clock()).failures) == ["its address is not allowed"]
    assert prometheus.refusal(PrometheusPlan(url="http://127.0.0.1:1", match="{}"), ()) == "nobody answers there"


def test_its_own_words_for_a_selector() -> None:
    """What it says of a query that it does not understand is what the user reads."""

    def answer(request: BaseHTTPRequestHandler, _words: dict[str, list[str]]) -> None:
        request.send_response(400)
        request.end_headers()
        request.wfile.write(
            b'{"status":"error","errorType":"bad_data","error":"1:3: parse error: \\"x\\" is no label"}'
        )

    with serving(answer) as (plan, _):
        assert prometheus.refusal(plan, ()) == 'it refuses {job="g"}: 1:3: parse error: "x" is no label'
    with serving(answers([])) as (plan, asked):
        assert prometheus.refusal(plan, ()) is None
    assert asked[0]["query"] == ['count({job="g"})']
