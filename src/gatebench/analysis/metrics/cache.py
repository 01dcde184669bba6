"""What a cache spares its providers, by what really happened, and what its headers say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import numpy as np

from gatebench.analysis.caching.rows import LEAST, askable, hits, unheard, who_made
from gatebench.analysis.caching.truth import FETCHED, HIT, JOINED, UNKNOWN
from gatebench.analysis.columns import numbers
from gatebench.analysis.metrics.latency import at_percentile
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.analysis.metrics.shares import share

if TYPE_CHECKING:
    import pandas as pd

SETTLED_MS: Final = 50.0
"""An answer whose attempt ended so shortly before the request was sent may still be on its way to the gateway: either claim is true."""
_CLAIMS_HIT: Final = ("hit", "stale")


def not_hit(scope: Scope) -> pd.DataFrame:
    """Rows that a cache could have answered and did not."""
    rows = askable(scope)
    return rows[rows["truth"] != HIT]


@metric(unit="share", better="higher", title="True hit ratio", offenders=not_hit, quiet=True)
def true_hit_ratio(scope: Scope) -> Measured:
    """Answers from a cache ÷ requests that a cache could answer, whatever headers say. A hit is an answer whose stamp
    names an attempt that had ended before the request was sent. Such requests are those of chat(prompts=…), of
    chat(questions=True) but for personal and time-bound ones, and of rest(). At least 50; Wilson's interval.
    """
    rows = askable(scope)
    reason = unheard(scope, rows)
    return unknown(reason, len(rows)) if reason else share(len(hits(rows)), len(rows))


@metric(unit="share", better="higher", title="Coalesced requests", quiet=True)
def coalesced_ratio(scope: Scope) -> Measured:
    """Answers that another request's attempt made while it was under way ÷ requests that a cache could answer. At
    least 50; Wilson's interval.
    """
    rows = askable(scope)
    reason = unheard(scope, rows) or _no_ids(scope)
    return unknown(reason, len(rows)) if reason else share(int((rows["truth"] == JOINED).sum()), len(rows))


@metric(unit="share", better="higher", title="Offload", judged="exact", offenders=not_hit, quiet=True)
def offload(scope: Scope) -> Measured:
    """1 - requests with an attempt at a provider ÷ requests that a cache could answer: what providers never saw.
    Canaries, and the further attempts of a request (retries), are left out; refreshing in the background counts. At
    least 50. An exact count.
    """
    rows = askable(scope)
    reason = unheard(scope, rows) or _no_ids(scope)
    if reason:
        return unknown(reason, len(rows))
    asked = int((rows["attempts"] > 0).sum())
    return known(1 - asked / len(rows), len(rows), why=f"{asked} of {len(rows)} requests reached a provider")


@metric(unit="share", better="neither", title="Hit ratio by its own headers", quiet=True)
def claimed_hit_ratio(scope: Scope) -> Measured:
    """Answers whose headers claim a hit (x-cache, cache-status, age and their kin) ÷ answers whose headers say anything
    of a cache, among the requests that a cache could answer. Read it beside true_hit_ratio. At least 50.
    """
    rows = askable(scope)
    claiming = rows[rows["cache_claim"].astype(str) != ""]
    if len(claiming) < LEAST:
        return unknown(
            f"it takes {LEAST} answers whose headers speak of a cache; here are {len(claiming)}", len(claiming)
        )
    return share(int(claiming["cache_claim"].isin(_CLAIMS_HIT).sum()), len(claiming))


def lying(scope: Scope) -> pd.DataFrame:
    """Answers whose headers say of a cache what is not so."""
    rows = _claiming(scope)
    says_hit = rows["cache_claim"].isin(_CLAIMS_HIT)
    settled = (rows["truth"] == HIT) & (_since_made_ms(scope, rows) > SETTLED_MS)
    return rows[(says_hit & (rows["truth"] == FETCHED)) | (~says_hit & settled)]


@metric(unit="share", better="higher", title="Honest cache headers", judged="exact", offenders=lying, quiet=True)
def header_honesty(scope: Scope) -> Measured:
    """1 - answers whose headers contradict the truth ÷ answers whose headers speak of a cache and whose maker is known.
    A claimed hit is a lie when the request's own attempt made the answer; a claimed miss, when the attempt had ended
    more than 50 ms before the request was sent. Of coalesced and revalidated answers either is true. At least 50. An
    exact count: must be 1.
    """
    reason = untold_or_few(scope)
    rows = _claiming(scope)
    if reason:
        return unknown(reason, len(rows))
    lies = lying(scope)
    false_hits = int(lies["cache_claim"].isin(_CLAIMS_HIT).sum())
    why = f"{false_hits} claimed hits were fetched, {len(lies) - false_hits} claimed misses came from a cache"
    return known(1 - len(lies) / len(rows), len(rows), why=why)


def untold_or_few(scope: Scope) -> str:
    """Return why claims cannot be held against the truth, or an empty text."""
    rows = _claiming(scope)
    few = f"it takes {LEAST} answers whose headers speak of a cache and whose maker is known; here are {len(rows)}"
    return unheard(scope, askable(scope), 0) or (few if len(rows) < LEAST else "")


def slow_hits(scope: Scope) -> pd.DataFrame:
    """Answers from a cache, the slowest first."""
    return hits(askable(scope)).sort_values("response_ms", ascending=False, kind="stable")


@metric(unit="ms", better="lower", title="Response time of hits p50", offenders=slow_hits, quiet=True)
def hit_p50_ms(scope: Scope) -> Measured:
    """done - due of the answers from a cache, by the truth of their stamps: the median. At least 2."""
    return _of_hits(scope, "p50")


@metric(unit="ms", better="lower", title="Response time of hits p95", offenders=slow_hits, quiet=True)
def hit_p95_ms(scope: Scope) -> Measured:
    """done - due of the answers from a cache, by the truth of their stamps: 95th percentile, nearest rank. At least 20."""
    return _of_hits(scope, "p95")


def _of_hits(scope: Scope, name: str) -> Measured:
    rows = askable(scope)
    reason = unheard(scope, rows, 0)
    if reason:
        return unknown(reason)
    found = hits(rows)
    return at_percentile(numbers(found.loc[found["complete"], "response_ms"]), name)


def _no_ids(scope: Scope) -> str:
    return (
        ""
        if scope.tables.ids_arrive
        else "request ids do not reach the providers, so nobody knows whose attempts they were"
    )


def _claiming(scope: Scope) -> pd.DataFrame:
    """Return the rows whose headers speak of a cache and whose maker is known, cacheable or not."""
    rows = who_made(scope)
    return rows[(rows["cache_claim"].astype(str) != "") & (rows["truth"] != UNKNOWN)]


def _since_made_ms(scope: Scope, rows: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return sent - end of the attempt that made the answer."""
    attempts = scope.tables.attempts
    if attempts is None or rows.empty:
        return np.zeros(len(rows))
    ended_ns = attempts["ended_ns"].to_numpy(np.int64)[rows["maker"].to_numpy(np.int64)]
    return cast("np.ndarray[tuple[int], np.dtype[np.float64]]", (rows["sent_ns"].to_numpy(np.int64) - ended_ns) / 1e6)
