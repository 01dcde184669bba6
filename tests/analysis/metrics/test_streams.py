"""Streams: stalls, rhythm, tokens, ends, cancellation and back-pressure, each red once and green once."""

from __future__ import annotations

from typing import Any

import pytest

from gatebench.analysis.metrics import backpressure, cancellation, distortion, integrity, stalls, stream_ends
from gatebench.sample import ERROR_EVENT, TOKEN_AGAIN, TOKEN_MISSING
from gatebench.traffic import Route
from tests.analysis.conftest import Reading
from tests.analysis.handmade import STREAM, Played, scope_of
from tests.planned import MS

DUE = 10**15
SLOW = Route(name="chat", stream=True, read_rate="16KB/s")


def flowing(row: dict[str, Any] | None = None, **attempt: Any) -> Played:
    """A stream of 24 tokens, its first 10 ms after it was due, one a millisecond, its end after 33."""
    usual = {
        "due_ns": DUE,
        "first_token_ns": DUE + 10 * MS,
        "done_ns": DUE + 33 * MS,
        "tokens": 24,
        "terminal": 1,
        "gap_max_us": 2000,
    }
    return Played(usual | (row or {}), (attempt,))


def test_stalls(healthy: Reading) -> None:
    """The usual gap is 1 ms: a gap of 100 ms is a stall, one of 99 is none; it is the gateway's if the provider had none."""
    calm = [flowing({"gap_max_us": 99_900})] * 20
    assert stalls.stalled_share(scope_of(healthy.tables, calm)).value == 0.0
    both = [*calm, flowing({"gap_max_us": 100_000}), flowing({"gap_max_us": 120_000}, gap_max_us=110_000)]
    scope = scope_of(healthy.tables, both)
    assert stalls.stalled_share(scope).value == pytest.approx(2 / 22)
    assert stalls.stalls_added(scope).value == pytest.approx(1 / 22)
    assert stalls.stalled(scope).index.tolist() == [21, 20]
    assert stalls.stalled_by_gateway(scope).index.tolist() == [20]


def test_slow_streams_have_longer_stalls(healthy: Reading) -> None:
    """Where a token comes every 20 ms, 199 ms are no stall and 200 are."""
    slow = [flowing({"done_ns": DUE + 470 * MS, "gap_max_us": 199_000})] * 20
    stalled = flowing({"done_ns": DUE + 470 * MS, "gap_max_us": 200_000})
    assert stalls.stalled_share(scope_of(healthy.tables, slow)).value == 0.0
    assert stalls.stalled_share(scope_of(healthy.tables, [*slow, stalled])).value == pytest.approx(1 / 21)


def test_stalls_need_streams_that_flow(healthy: Reading) -> None:
    """Nineteen are too few, and where everything comes at once there is no usual gap."""
    assert "here are 19" in stalls.stalled_share(scope_of(healthy.tables, [flowing()] * 19)).why
    at_once = [flowing({"first_token_ns": DUE + 33 * MS, "gap_max_us": 0})] * 20
    assert "all their tokens at once" in stalls.stalled_share(scope_of(healthy.tables, at_once)).why


def test_the_first_token_is_held_back(healthy: Reading) -> None:
    """The provider wrote it at 9 ms, the client had it at 10: 1 ms. From a gateway that collects all, at 33: 24 ms."""
    passed = scope_of(healthy.tables, [flowing()] * 100)
    collected = scope_of(healthy.tables, [flowing({"first_token_ns": DUE + 33 * MS, "gap_max_us": 0})] * 100)
    assert distortion.ttft_added_p50_ms(passed).value == pytest.approx(1)
    assert distortion.ttft_added_p99_ms(passed).value == pytest.approx(1)
    assert distortion.ttft_added_p50_ms(collected).value == pytest.approx(24)
    assert distortion.gap_added_p99_ms(passed).value == pytest.approx(1)
    assert distortion.gap_added_p99_ms(collected).value == pytest.approx(-1)
    assert distortion.ttft_added_p50_ms(scope_of(healthy.tables, [Played()] * 100)).status == "unknown"


def test_an_answer_out_of_a_cache_has_no_rhythm_to_compare(healthy: Reading) -> None:
    """Its attempt was another request's."""
    replayed = [flowing(), *(Played(flowing().row, (), by=0) for _ in range(5))]
    assert distortion.ttft_added_p50_ms(scope_of(healthy.tables, replayed)).n == 1


def test_tokens_that_came_again_or_never(healthy: Reading) -> None:
    """Numbers say it, and the attempt behind a complete stream says how many there were."""
    whole = [flowing()] * 20
    assert stream_ends.duplicate_tokens(scope_of(healthy.tables, whole)).value == 0.0
    assert stream_ends.lost_tokens(scope_of(healthy.tables, whole)).value == 0.0
    again, missing = flowing({"token_flaws": TOKEN_AGAIN}), flowing({"token_flaws": TOKEN_MISSING})
    scope = scope_of(healthy.tables, [*whole, again, missing, flowing({"tokens": 22})])
    assert stream_ends.duplicate_tokens(scope).value == 1.0
    assert stream_ends.lost_tokens(scope).value == 2.0
    assert stream_ends.lacking(scope).index.tolist() == [21, 22]


def test_a_gateway_that_puts_tokens_together_loses_none(healthy: Reading) -> None:
    """Where most streams of a provider have fewer events than tokens, events are no count of its tokens."""
    merged = [flowing({"tokens": 8}, provider="provider-b")] * 30
    assert stream_ends.lost_tokens(scope_of(healthy.tables, merged)).value == 0.0
    plain = [flowing()] * 40
    assert stream_ends.lost_tokens(scope_of(healthy.tables, [*merged, *plain])).value == 0.0
    assert stream_ends.lost_tokens(scope_of(healthy.tables, [*merged, *plain, flowing({"tokens": 23})])).value == 1.0


def test_an_end_that_is_a_lie(healthy: Reading) -> None:
    """The provider broke off after 12 tokens and the client was told that this is all."""
    lie = Played(flowing({"tokens": 12}).row, ({"end": "dropped", "tokens_out": 12},), by=20)
    scope = scope_of(healthy.tables, [*([flowing()] * 20), lie])
    assert stream_ends.false_endings(scope).value == 1.0
    assert stream_ends.ended_falsely(scope).index.tolist() == [20]
    assert integrity.silent_truncation(scope).value == 0.0  # it has its terminal event
    assert stream_ends.false_endings(scope_of(healthy.tables, [flowing()] * 20)).value == 0.0
    assert stream_ends.false_endings(scope_of(healthy.tables, [flowing()] * 19)).status == "unknown"


def test_how_a_broken_stream_is_shown(healthy: Reading) -> None:
    """Cut in sight, said within the stream, or silent: each is counted as what it is."""
    broken = {"outcome": "error", "terminal": 0, "tokens": 12}
    cut = flowing({**broken, "cause": "eof"}, end="dropped")
    said = flowing({**broken, "cause": "in_band", "token_flaws": ERROR_EVENT}, end="dropped")
    both = flowing({**broken, "cause": "reset", "token_flaws": ERROR_EVENT}, end="dropped")
    silent = flowing({**broken, "cause": "truncated"}, end="dropped")
    scope = scope_of(healthy.tables, [flowing(), cut, cut, said, both, silent])
    assert stream_ends.visible_cuts(scope).value == 2.0
    assert stream_ends.in_band_errors(scope).value == 2.0
    assert integrity.silent_truncation(scope).value == 1.0
    assert stream_ends.visible_cuts(scope_of(healthy.tables, [Played()])).status == "unknown"


def left(ended_ms: float, **attempt: Any) -> Played:
    """The client leaves 33 ms after it asked; its attempt ends when said."""
    row = {"outcome": "timeout", "cause": "total_timeout", "terminal": 0, "tokens": 10}
    return flowing(row, **({"end": "cancelled", "ended_ns": DUE + round(ended_ms * MS)} | attempt))


def test_a_client_that_left_is_heard_of_at_the_provider(healthy: Reading) -> None:
    """Five milliseconds after it left everywhere: 5; a second later, or never: work for nobody."""
    soon = [left(38)] * 20
    scope = scope_of(healthy.tables, soon)
    assert cancellation.cancellation_lag_p50_ms(scope).value == pytest.approx(5)
    assert cancellation.work_after_leaving(scope).value == 0.0
    late = [*soon, left(1033), left(1033, end="completed"), left(0, end="in_flight")]
    scope = scope_of(healthy.tables, late)
    assert cancellation.work_after_leaving(scope).value == 3.0
    assert cancellation.worked_for_nobody(scope).index.tolist() == [20, 21, 22]


def test_attempts_that_had_ended_say_nothing_of_cancellation(healthy: Reading) -> None:
    """Nor do those of clients that stayed."""
    scope = scope_of(healthy.tables, [*([left(20)] * 30), *([flowing(ended_ns=DUE + 99 * MS)] * 30)])
    assert cancellation.work_after_leaving(scope).status == "unknown"
    assert cancellation.cancellation_lag_p50_ms(scope).why == "no client left while a provider was at work for it"


def test_how_far_a_provider_runs_ahead_of_a_slow_reader(healthy: Reading) -> None:
    """Of 24 000 bytes the client had read half when the provider had written all: 12 000. Of a stream that it left after 10 of
    24 tokens and 10 000 bytes, 14 tokens of 1 000 bytes each.
    """
    halfway = flowing(
        {"first_byte_ns": DUE, "done_ns": DUE + 2000 * MS, "bytes_received": 24_000}, ended_ns=DUE + 1000 * MS
    )
    abandoned = flowing(
        {"outcome": "timeout", "cause": "total_timeout", "terminal": 0, "tokens": 10, "bytes_received": 10_000},
    )
    even = flowing({"first_byte_ns": DUE, "bytes_received": 24_000}, ended_ns=DUE + 33 * MS)
    assert backpressure.read_ahead_bytes(scope_of(healthy.tables, [even] * 5, route=SLOW)).value == 0.0
    assert (
        backpressure.read_ahead_bytes(scope_of(healthy.tables, [*([even] * 5), halfway], route=SLOW)).value == 12_000.0
    )
    found = backpressure.read_ahead_bytes(scope_of(healthy.tables, [*([even] * 5), abandoned], route=SLOW))
    assert (found.value, found.n) == (14_000.0, 6)
    assert backpressure.read_ahead_bytes(scope_of(healthy.tables, [even] * 4, route=SLOW)).status == "unknown"
    assert backpressure.read_ahead_bytes(scope_of(healthy.tables, [even] * 9, route=STREAM)).status == "unknown"
