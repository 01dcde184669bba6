"""How a provider speaks of its limits: headers with every answer, and the error of a request that exceeds one.

The names are OpenAI's (https://platform.openai.com/docs/guides/rate-limits) and Anthropic's
(https://docs.anthropic.com/en/api/rate-limits#response-headers).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from gatebench.execution.upstream.chat import Refusal
from gatebench.execution.upstream.limits import Exceeded, Verdict

Dialect = Callable[[Verdict, int], bytes]
"""Makes complete header lines of a verdict, given nanoseconds of the epoch."""


def openai_headers(verdict: Verdict, epoch_ns: int) -> bytes:
    """Return OpenAI's lines: times are durations as Go writes them."""
    lines = []
    for standing in verdict.standings:
        lines += [
            f"x-ratelimit-limit-{standing.name}: {standing.limit}",
            f"x-ratelimit-remaining-{standing.name}: {standing.remaining}",
            f"x-ratelimit-reset-{standing.name}: {duration(standing.full_in_ns)}",
        ]
    if verdict.exceeded is not None and verdict.exceeded.wait_ns is not None:
        lines.append(f"retry-after-ms: {-(-verdict.exceeded.wait_ns // 1_000_000)}")
    return _lines(lines, verdict.exceeded)


def anthropic_headers(verdict: Verdict, epoch_ns: int) -> bytes:
    """Return Anthropic's lines: times are moments (RFC 3339)."""
    lines = []
    for standing in verdict.standings:
        name = f"anthropic-ratelimit-{standing.name}"
        lines += [
            f"{name}-limit: {standing.limit}",
            f"{name}-remaining: {standing.remaining}",
            f"{name}-reset: {moment(epoch_ns + standing.full_in_ns)}",
        ]
    return _lines(lines, verdict.exceeded)


def refusal(exceeded: Exceeded, model: str) -> Refusal:
    """Return the error of a request that exceeds a limit, in the words of OpenAI's."""
    name, unit, limit, remaining, _ = exceeded.standing
    if exceeded.wait_ns is None:
        what = f"Request too large for {model} on {name} per {unit}: Limit {limit}, Requested {exceeded.asked}."
    else:
        what = (
            f"Rate limit reached for {model} on {name} per {unit}: Limit {limit}, Used {max(0, limit - remaining)}, "
            f"Requested {exceeded.asked}. Please try again in {duration(exceeded.wait_ns)}."
        )
    return Refusal(429, what, code="rate_limit_exceeded", kind=name)


def retry_after(dialect: Dialect | None, wait_ns: int) -> bytes:
    """Return the lines that say when to come back, in whole seconds and for OpenAI's clients in milliseconds; 0: none."""
    if wait_ns == 0:
        return b""
    exact = b"retry-after-ms: %d\r\n" % -(-wait_ns // 1_000_000) if dialect is openai_headers else b""
    return b"%bretry-after: %d\r\n" % (exact, -(-wait_ns // 1_000_000_000))


def duration(ns: int) -> str:
    """Return nanoseconds as Go writes a duration, rounded up to milliseconds: `17ms`, `1.2s`, `6m0s`, `1h0m0s`."""
    ms = -(-ns // 1_000_000)
    if ms < 1000:
        return f"{ms}ms"
    seconds, rest = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    tail = f"{seconds}.{rest:03d}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{tail}"
    return f"{minutes}m{tail}" if minutes else tail


def moment(epoch_ns: int) -> str:
    """Return a moment of the epoch as RFC 3339 has it, in whole seconds, rounded up."""
    seconds = -(-epoch_ns // 1_000_000_000)
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _lines(lines: list[str], exceeded: Exceeded | None) -> bytes:
    if exceeded is not None and exceeded.wait_ns is not None:
        lines.append(f"retry-after: {-(-exceeded.wait_ns // 1_000_000_000)}")
    return "".join(f"{line}\r\n" for line in lines).encode()
