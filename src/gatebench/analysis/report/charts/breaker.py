"""A circuit breaker over time: what reached its provider, and when it was open, as the oracle reads it from the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from gatebench.analysis.breakers import Watched, asked_ns, watched
from gatebench.analysis.report.charts.asked_for import judges
from gatebench.analysis.report.charts.bins import Bins, nice_width_s, rates
from gatebench.analysis.report.charts.chart import Chart, Coded, Column, Data, NoChart, coded, decimals
from gatebench.analysis.report.words import count, duration, moment, seconds

if TYPE_CHECKING:
    from gatebench.analysis.tables import RunTables

TITLE: Final = "Circuit breaker"
BINS_MOST: Final = 240
BIN_LEAST_S: Final = 0.25
CLOSED: Final = "closed"
OPEN: Final = "open"
HALF_OPEN: Final = "half-open"
ANSWERED: Final = "answered"
FAILED: Final = "failed"
_MODULES: Final = ("breaker", "breaker_open")

State = tuple[float, float, str]
Moment = tuple[float, str]


def build(tables: RunTables) -> Iterator[Chart | NoChart]:
    """Yield a chart of each provider whose breaker was seen to open, or that a check asks about.

    Nothing where no breaker is declared; why nothing can be seen where a check wants to know.
    """
    definition = tables.plan.target.definition
    capable = definition is not None and "breaker" in definition.capabilities
    asked = judges(tables.plan, _MODULES)
    if not (asked or capable or "breaker" in tables.plan.declared):
        return
    stories: dict[str, list[Watched]] = {}
    reasons: list[str] = []
    for outage in tables.outages:
        seen = watched(tables, outage)
        if isinstance(seen, str):
            reasons.append(seen)
        elif outage.provider is not None:
            stories.setdefault(outage.provider, []).append(seen)
    shown = {name: parts for name, parts in stories.items() if asked or any(part.story.openings for part in parts)}
    for provider, parts in shown.items():
        yield _chart(tables, provider, parts)
    if asked and not shown:
        yield NoChart(TITLE, f"Nothing is known of a breaker: {reasons[0] if reasons else 'there was no outage'}.")


def states(seen: Sequence[Watched]) -> list[State]:
    """Return the stretches in which the breaker was closed, open or half-open: seconds, one after the other.

    It is taken to be closed when an outage begins. Half-open is from the first probe to the verdict on one of them.
    """
    found: list[State] = []
    for part in seen:
        changes: list[tuple[int, str]] = [(part.t0_ns, CLOSED)]
        changes += [(opening.at_ns, OPEN) for opening in part.story.openings]
        for burst in part.story.bursts:
            changes.append((burst.start_ns, HALF_OPEN))
            if burst.verdict_ns is not None:
                changes.append((burst.verdict_ns, CLOSED if burst.closed else OPEN))
        changes += [(at_ns, CLOSED) for at_ns in part.story.closings]
        changes.sort(key=lambda change: change[0])
        ends = [at_ns for at_ns, _ in changes[1:]] + [part.until_ns]
        for (start_ns, state), end_ns in zip(changes, ends, strict=True):
            start_s, end_s = start_ns / 1e9, min(end_ns, part.until_ns) / 1e9
            if end_s <= start_s:
                continue
            if found and found[-1][2] == state and found[-1][1] == start_s:
                found[-1] = (found[-1][0], end_s, state)
            else:
                found.append((start_s, end_s, state))
    return found


def moments(seen: Sequence[Watched]) -> list[Moment]:
    """Return what the breaker did, in order of time, seconds: opened, let a probe through, leaked, closed."""
    found: list[Moment] = []
    for part in seen:
        found += [(opening.at_ns / 1e9, "opened") for opening in part.story.openings]
        found += [(burst.start_ns / 1e9, f"probe {ANSWERED if burst.good else FAILED}") for burst in part.story.bursts]
        found += [(at_ns / 1e9, "leaked") for at_ns in part.story.leaks]
        found += [(at_ns / 1e9, "closed") for at_ns in part.story.closings]
    return sorted(found)


def _chart(tables: RunTables, provider: str, seen: Sequence[Watched]) -> Chart:
    end_s = max(tables.end_ns / 1e9, 1e-3)
    bins = Bins(nice_width_s(end_s, BINS_MOST, BIN_LEAST_S), end_s)
    arrivals = seen[0].arrivals
    ended = Coded([ANSWERED, FAILED], np.where(arrivals.good, 0, 1).astype(np.int64))
    asked = asked_ns(tables) / 1e9
    everybody = Coded(["requests"], np.zeros(len(asked), np.int64))
    found, happened = states(seen), moments(seen)
    open_s = sum(end - start for start, end, state in found if state == OPEN)
    told = ", ".join(f"{what} at {moment(at_s)}" for at_s, what in happened[:12]) or "it never opened"
    more = f", and {count(len(happened) - 12)} more moments" if len(happened) > 12 else ""
    declared = seen[0].open_ns
    return Chart(
        id=f"breaker-{provider}",
        kind="breaker",
        title=f"{TITLE} of {provider}",
        caption=f"Attempts that arrived at {provider}, per second in bins of {duration(bins.width_s)}, beside the requests "
        "that clients sent. The strip is the breaker as it looks from outside: open while requests are sent and none "
        "arrives, half-open from a probe to its verdict"
        + (f"; the declared open time is {duration(declared / 1e9)}" if declared else "")
        + ". No header and no word of the gateway is read.",
        label=f"Breaker of {provider}: {told}{more}; open for {seconds(open_s)} in all.",
        data=(
            Data(
                f"breaker-{provider}-attempts",
                rates(bins, arrivals.arrived_ns / 1e9, ended, by="end", counted="attempts"),
            ),
            Data(f"breaker-{provider}-requests", rates(bins, asked, everybody, by="who", counted="requests")),
            Data(f"breaker-{provider}-states", _spans(found)),
            Data(f"breaker-{provider}-moments", _moments(happened)),
        ),
        facts={"words": ended.words, "y": "per second", "width_s": bins.width_s},
    )


def _spans(found: Sequence[State]) -> dict[str, Column]:
    words = coded(pd.Series([state for _, _, state in found], dtype=object), (CLOSED, OPEN, HALF_OPEN))
    return {
        "from_s": decimals([start for start, _, _ in found], 4),
        "to_s": decimals([end for _, end, _ in found], 4),
        "state": {"words": words.words, "codes": words.codes.tolist()},
    }


def _moments(happened: Sequence[Moment]) -> dict[str, Column]:
    words = coded(pd.Series([what for _, what in happened], dtype=object), ())
    return {
        "at_s": decimals([at_s for at_s, _ in happened], 4),
        "what": {"words": words.words, "codes": words.codes.tolist()},
    }
