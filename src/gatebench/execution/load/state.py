"""How the load goes, as far as the parent has heard."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LostProcess:
    """A load process that went away before its work was done; a negative exit code is the signal that ended it.

    One on another machine has no exit code that we would know, but a reason in words.
    """

    name: str
    pid: int
    exit_code: int | None
    why: str | None = None


@dataclass(frozen=True)
class LoadState:
    """The load at one moment: counts since the start, over all workers; rate and percentiles of the last half second.

    `finished`: every worker has finished or is lost. `bad` counts everything that did not end ok, unsent rows included.
    A percentile is that of the worst worker (percentiles do not average); None before anything ended. All of this is
    for the eyes and for stop conditions; results are read from the run folder.
    """

    finished: bool = False
    lost: tuple[LostProcess, ...] = ()
    sent: int = 0
    done: int = 0
    in_flight: int = 0
    ok: int = 0
    bad: int = 0
    rate_per_s: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    late_p99_ms: float | None = None
    p95_ms: float | None = None
    late_p95_ms: float | None = None


def merged(
    progress: Iterable[dict[str, Any]],
    rates_per_s: Iterable[float | None],
    *,
    finished: bool,
    lost: tuple[LostProcess, ...],
) -> LoadState:
    """Merge the workers' last progress lines into one state."""
    lines = list(progress)
    rates = [rate for rate in rates_per_s if rate is not None]

    def total(name: str) -> int:
        return sum(int(line.get(name, 0)) for line in lines)

    def worst(name: str) -> float | None:
        return max((float(line[name]) for line in lines if line.get(name) is not None), default=None)

    return LoadState(
        finished=finished,
        lost=lost,
        sent=total("sent"),
        done=total("done"),
        in_flight=total("in_flight"),
        ok=total("ok"),
        bad=total("bad"),
        rate_per_s=sum(rates) if rates else None,
        p50_ms=worst("p50_ms"),
        p99_ms=worst("p99_ms"),
        late_p99_ms=worst("late_p99_ms"),
        p95_ms=worst("p95_ms"),
        late_p95_ms=worst("late_p95_ms"),
    )
