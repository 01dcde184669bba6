"""What Locust itself counted in a locustfile's run, beside our rows: the two must agree to the request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pandas as pd

from gatebench.analysis.tables import RunTables
from gatebench.analysis.wording import count

_NAMED: Final = 3


def locust_counts(tables: RunTables) -> dict[str, Any] | None:
    """Return what Locust's own statistics held at the end; None when the load process did not live to say."""
    found = tables.workers.get(0, {}).get("locust")
    return found if isinstance(found, dict) else None


def apart(tables: RunTables, rows: pd.DataFrame) -> list[str]:
    """Return in words where rows and Locust's statistics differ: in all, in failures, or by name."""
    counted = locust_counts(tables)
    if counted is None:
        return []
    found = list(_totals(counted, rows))
    names = _by_name(counted["by_name"], rows)
    if names and not found:
        found.append(f"Locust's statistics and the rows differ by name: {'; '.join(names[:_NAMED])}.")
    return found


def agreement(tables: RunTables, rows: pd.DataFrame) -> str:
    """Return the sentence of books that balance."""
    if locust_counts(tables) is None:
        return f"{count(len(rows), 'row')}; Locust did not live to say how many requests it counted."
    return f"Locust counted {count(len(rows), 'request')}, and every one of them has exactly one row."


def _totals(counted: Mapping[str, Any], rows: pd.DataFrame) -> Iterator[str]:
    failed = int((rows["outcome"] != "ok").sum())
    for what, theirs, ours in (("requests", counted["requests"], len(rows)), ("failures", counted["failures"], failed)):
        if theirs != ours:
            yield (
                f"Locust's own statistics hold {theirs} {what}, but the rows {ours}. The locustfile may have reset the "
                "statistics, or a listener of its own may have stopped the request event."
            )


def _by_name(counted: Mapping[str, int], rows: pd.DataFrame) -> list[str]:
    ours = Counter(rows["route"].astype(str))
    if any(name not in counted for name in ours):
        return []  # beyond 250 names the rows share one
    return [f"{name} {theirs} and {ours[name]}" for name, theirs in sorted(counted.items()) if theirs != ours[name]]
