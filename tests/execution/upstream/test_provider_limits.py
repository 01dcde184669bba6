"""Token buckets to the token and to the nanosecond, and how two APIs speak of them."""

import pytest

from gatebench.execution.upstream.limits import Bucket, Exceeded, Limits, Standing
from gatebench.execution.upstream.rejection import anthropic_headers, duration, moment, openai_headers, refusal
from gatebench.providers import LimitsModel

S = 1_000_000_000
MIN = 60 * S


def bucket(limit: int, window_ns: int = S, burst_ns: int | None = None, share: int = 1) -> Bucket:
    """A bucket that is full at time 0."""
    return Bucket(limit, window_ns, window_ns if burst_ns is None else burst_ns, share, 0)


def taken(one: Bucket, tokens: int, now_ns: int) -> bool:
    """Take tokens if they are there."""
    if one.wait_ns(tokens, now_ns) != 0:
        return False
    one.take(tokens)
    return True


@pytest.mark.parametrize(
    ("limit", "window_ns", "burst_ns", "share", "most"),
    [
        (10, S, S, 1, 10),  # full: 10 are there
        (10, S, 2 * S, 1, 20),  # two seconds' worth
        (10, S, S // 2, 1, 5),
        (10, S, S, 3, 3),  # a third of 10 is 3 and a third
        (60_000, MIN, S, 1, 1000),  # 60 000 a minute are 1 000 a second
        (60_000, MIN, MIN, 7, 8571),  # 60 000 / 7 = 8571.4
    ],
)
def test_a_full_bucket_holds_so_much(limit: int, window_ns: int, burst_ns: int, share: int, most: int) -> None:
    """It holds what its burst brings, divided by the processes, to the token: one more is one too many."""
    assert taken(bucket(limit, window_ns, burst_ns, share), most, 0)
    assert not taken(bucket(limit, window_ns, burst_ns, share), most + 1, 0)


@pytest.mark.parametrize(
    ("limit", "window_ns", "share", "tokens", "ready_ns"),
    [
        (10, S, 1, 1, 100_000_000),  # 10 a second: one in 100 ms
        (3, S, 1, 1, 333_333_334),  # one third of a second, rounded up: not a nanosecond early
        (3, S, 1, 2, 666_666_667),
        (3, S, 1, 3, S),  # three are a second, without any rounding on the way
        (7, MIN, 1, 1, 8_571_428_572),  # 60 s / 7 = 8.571428571428... s
        (7, MIN, 2, 1, 17_142_857_143),  # half the rate: twice as long
        (1_000_000, MIN, 1, 1, 60_000),  # a million a minute: one in 60 µs
    ],
)
def test_an_empty_bucket_fills_to_the_nanosecond(
    limit: int, window_ns: int, share: int, tokens: int, ready_ns: int
) -> None:
    """`wait_ns` is when the tokens are there, and one nanosecond before that they are not."""
    one = bucket(limit, window_ns, share=share)
    one.take(limit // share)
    one.take(0)
    left = limit / share - limit // share  # what a share leaves as a fraction comes earlier by that much
    ready_ns -= round(left * window_ns * share / limit)
    waited = one.wait_ns(tokens, 0)
    assert waited is not None
    assert abs(waited - ready_ns) <= 1
    assert not taken(one, tokens, waited - 1)
    assert taken(one, tokens, waited)


def test_nothing_is_lost_by_rounding() -> None:
    """Asked every 7 ns for a minute's millionth part, a bucket of 3/s gives exactly what the time brought."""
    one = bucket(3)
    passed = sum(taken(one, 1, now_ns) for now_ns in range(0, 10 * S, 70_000_007))
    assert passed == 3 + 29  # full at first, then 3 a second until the last asking at 9.94 s: 29.8


def test_processes_together_give_the_whole() -> None:
    """Four processes with a quarter each let through as much as one with all of it, over any number of windows."""
    whole = bucket(100)
    shares = [bucket(100, share=4) for _ in range(4)]
    alone = sum(taken(whole, 1, step * S // 1000) for step in range(3001))
    together = sum(taken(shares[step % 4], 1, step * S // 1000) for step in range(3001))
    assert alone == 400  # 100 at once and 300 in three seconds
    assert abs(together - alone) <= 4  # each may hold a part of one


def test_a_full_bucket_does_not_overflow() -> None:
    """An hour of quiet brings no more than it holds; a clock that stands still brings nothing."""
    one = bucket(10)
    assert one.wait_ns(10, 3600 * S) == 0
    one.take(10)
    assert (one.remaining, one.full_in_ns) == (0, S)
    assert one.wait_ns(1, 3600 * S) == S // 10
    assert one.wait_ns(1, 3000 * S) == S // 10  # a clock that goes back is none


class TestLimits:
    def test_a_rejected_request_takes_nothing(self) -> None:
        """Too many tokens: the request is not counted either, and the next small one passes."""
        limits = Limits(LimitsModel(requests_per_s=2, tokens_per_minute=100), 1, 0)
        assert limits.ask(60, 0).exceeded is None
        verdict = limits.ask(50, 0)
        assert verdict.exceeded is not None
        assert (verdict.exceeded.standing.name, verdict.exceeded.asked) == ("tokens", 50)
        assert verdict.exceeded.wait_ns == 6 * S  # ten lack, and 100 a minute are one in 0.6 s
        assert [one.remaining for one in verdict.standings] == [1, 40]
        assert limits.ask(40, 0).exceeded is None

    def test_the_longest_wait_is_named(self) -> None:
        """Of two limits that are exceeded, the one that stands in the way longer counts."""
        limits = Limits(LimitsModel(requests_per_s=1, tokens_per_minute=60), 1, 0)
        assert limits.ask(60, 0).exceeded is None
        exceeded = limits.ask(2, 0).exceeded
        assert exceeded is not None
        assert (exceeded.standing.name, exceeded.wait_ns) == ("tokens", 2 * S)

    def test_more_than_a_bucket_holds_never_passes(self) -> None:
        """There is no time after which it would."""
        exceeded = Limits(LimitsModel(tokens_per_minute=60), 1, 0).ask(61, 0).exceeded
        assert exceeded is not None
        assert exceeded.wait_ns is None


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0ms"),
        (1, "1ms"),
        (17_000_000, "17ms"),
        (999_000_001, "1s"),
        (1_200_000_000, "1.2s"),
        (9_816_000_000, "9.816s"),
        (60 * S, "1m0s"),
        (360 * S, "6m0s"),
        (3600 * S + 1_500_000_000, "1h0m1.5s"),
    ],
)
def test_a_duration(ns: int, text: str) -> None:
    """As Go writes it, and OpenAI."""
    assert duration(ns) == text


def test_what_openai_says() -> None:
    """Six headers, and two more with a rejection; the error names limit, use, request and time to wait."""
    limits = Limits(LimitsModel(requests_per_minute=60, tokens_per_minute=1000), 1, 0)
    passed = openai_headers(limits.ask(250, 0), 0).decode()
    assert passed.splitlines() == [
        "x-ratelimit-limit-requests: 60",
        "x-ratelimit-remaining-requests: 59",
        "x-ratelimit-reset-requests: 1s",
        "x-ratelimit-limit-tokens: 1000",
        "x-ratelimit-remaining-tokens: 750",
        "x-ratelimit-reset-tokens: 15s",
    ]
    verdict = limits.ask(800, 0)
    assert openai_headers(verdict, 0).decode().splitlines()[-2:] == ["retry-after-ms: 3000", "retry-after: 3"]
    assert verdict.exceeded is not None
    error = refusal(verdict.exceeded, "m")
    assert (error.status, error.code, error.kind) == (429, "rate_limit_exceeded", "tokens")
    assert error.message == (
        "Rate limit reached for m on tokens per min (TPM): Limit 1000, Used 250, Requested 800. Please try again in 3s."
    )


def test_what_anthropic_says() -> None:
    """Its own names, moments instead of durations, and seconds rounded up."""
    limits = Limits(LimitsModel(requests_per_s=2), 1, 0)
    lines = anthropic_headers(limits.ask(0, 0), 1_763_000_000 * S).decode().splitlines()
    assert lines == [
        "anthropic-ratelimit-requests-limit: 2",
        "anthropic-ratelimit-requests-remaining: 1",
        "anthropic-ratelimit-requests-reset: 2025-11-13T02:13:21Z",
    ]
    assert moment(1) == "1970-01-01T00:00:01Z"


def test_a_request_that_is_too_large() -> None:
    """Nobody is told to come back."""
    never = Exceeded(Standing("tokens", "min (TPM)", 60, 60, 0), 61, None)
    assert refusal(never, "m").message == "Request too large for m on tokens per min (TPM): Limit 60, Requested 61."
    verdict = Limits(LimitsModel(tokens_per_minute=60), 1, 0).ask(61, 0)
    assert b"retry-after" not in openai_headers(verdict, 0)
