"""How long a gateway takes to follow its flags: until the last request went to a variant that has no weight any more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.flags import Change, changes, weights_under
from gatebench.analysis.metrics.registry import Measured, Scope, censored, known, metric, unknown, worst
from gatebench.stats import Interval

if TYPE_CHECKING:
    from gatebench.analysis.tables import RunTables

LEAST_AFTER: Final = 20


def _served(tables: RunTables, change: Change) -> set[str]:
    return {name for name, weight in weights_under(tables, change.flags).items() if weight}


def _edges(tables: RunTables) -> Iterator[tuple[int, int, set[str]]]:
    """Yield each moment at which flags changed, how long they stayed so, and the variants that lost all their weight.

    Flags that give way to others in the same breath are one change; until the next edge only those in force count.
    """
    made = changes(tables)
    own = {name for name, weight in weights_under(tables, None).items() if weight}
    moments = sorted({edge for change in made for edge in (change.start_ns, change.end_ns)})
    before = own
    for place, at_ns in enumerate(moments):
        now = next((change for change in made if change.start_ns <= at_ns < change.end_ns), None)
        after = own if now is None else _served(tables, now)
        until_ns = moments[place + 1] if place + 1 < len(moments) else tables.end_ns
        if before - after and until_ns > at_ns:
            yield at_ns, until_ns, before - after
        before = after


def _followed(tables: RunTables, at_ns: int, until_ns: int, lost: set[str]) -> Measured:
    """Return how long after the edge a request was sent last that a variant without weight served at its first attempt."""
    rows = tables.load[tables.load["complete"] & tables.load["provider"].notna() & (tables.load["attempts"] <= 1)]
    since_ns, done_ns = (rows[name].to_numpy(np.int64) - tables.start_ns - at_ns for name in ("sent_ns", "done_ns"))
    inside = (since_ns > 0) & (done_ns < until_ns - at_ns)  # what is under way at the next change may follow that one
    since_ns, old = since_ns[inside], rows["provider"].isin(lost).to_numpy()[inside]
    order = np.argsort(since_ns, kind="stable")
    since_ns, old = since_ns[order], old[order]
    n = len(since_ns)
    if n < LEAST_AFTER:
        return unknown(f"it takes {LEAST_AFTER} answers after a change of flags; here were {n}", n)
    if not old.any():
        return known(0.0, n, shown=Interval(0.0, float(since_ns[0]) / 1e9))
    last = int(np.flatnonzero(old)[-1])
    if last == n - 1:
        return censored(
            float(since_ns[last]) / 1e9, f"{', '.join(sorted(lost))} still served when the flags changed again", n
        )
    return known(
        float(since_ns[last]) / 1e9, n, shown=Interval(float(since_ns[last]) / 1e9, float(since_ns[last + 1]) / 1e9)
    )


@metric(unit="s", better="lower", title="Time to follow flags", quiet=True)
def flags_followed_s(scope: Scope) -> Measured:
    """Last sending of a request that was served, at its first attempt, by a variant that the flags had left without any
    weight - the moment at which the flags were set; the worst of all such moments, a rollback among them. Its resolution is
    the distance to the next request. At least 20 answers after each; it is a number of the whole run.
    """
    if scope.phase is not None or scope.route is not None:
        return unknown("it is asked of the whole run")
    if not changes(scope.tables):
        return unknown("no flags were changed")
    if not scope.tables.has_stamps:
        return unknown("without stamps nothing says which provider served")
    found = [_followed(scope.tables, *edge) for edge in _edges(scope.tables)]
    return worst(found, "lower") if found else unknown("no change of flags left a variant without any weight")
