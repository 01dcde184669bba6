"""A cache over time: who really made each answer, and what its headers claim beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from gatebench.analysis.caching.terms import is_pooled, terms_of
from gatebench.analysis.caching.truth import FETCHED, HIT, JOINED, REVALIDATED
from gatebench.analysis.columns import numbers
from gatebench.analysis.makers import no_attempts
from gatebench.analysis.report.charts.bins import Bins
from gatebench.analysis.report.charts.chart import Chart, Column, Data, NoChart, decimals
from gatebench.analysis.report.charts.outcomes import bar_bins
from gatebench.analysis.report.words import count, duration, percent

if TYPE_CHECKING:
    from gatebench.analysis.tables import RunTables

TITLE: Final = "Who made the answers"
MADE: Final = ("from the cache", "revalidated", "coalesced", "from a provider", "unstamped", "no answer")
CLAIMED: Final = "claimed as hit"
_BY_TRUTH: Final = {HIT: 0, REVALIDATED: 1, JOINED: 2, FETCHED: 3}
_UNSTAMPED: Final = 4
_NO_ANSWER: Final = 5
_CLAIMS: Final = ("hit", "stale")

Codes = npt.NDArray[np.integer[Any]]


def build(tables: RunTables) -> list[Chart | NoChart]:
    """Return the chart of the requests that a cache could answer; none where no cache is declared to be on."""
    plan = tables.plan
    if not any(
        is_pooled(route) and terms_of(plan, route).on and "cache" in plan.declared for route in plan.traffic.routes
    ):
        return []
    reason = no_attempts(tables)
    if reason:
        return [NoChart(TITLE, f"Who made the answers is not known: {reason}.")]
    rows = tables.at_target.join(tables.served)
    rows = rows[rows["cacheable"].astype(bool) & (rows["outcome"] != "unsent") & rows["kind"].isin(("load", "warmup"))]
    if rows.empty:
        return [NoChart(TITLE, "No request was made that a cache could answer.")]
    return [_chart(tables, rows)]


def made_by(rows: pd.DataFrame) -> Codes:
    """Return for each row, as a position in `MADE`, who made its answer."""
    truth = rows["truth"].to_numpy()
    found = np.full(len(rows), _UNSTAMPED, np.int64)
    for code, place in _BY_TRUTH.items():
        found[truth == code] = place
    found[~rows["complete"].to_numpy(dtype=bool)] = _NO_ANSWER
    return found


def _chart(tables: RunTables, rows: pd.DataFrame) -> Chart:
    bins = bar_bins(tables)
    made = made_by(rows)
    claims = rows["cache_claim"].isin(_CLAIMS).to_numpy()
    claiming = bool((rows["cache_claim"].fillna("") != "").any())
    at = bins.index(numbers(rows["due_s"]))
    data = [Data("cache", _shares(bins, at, made))]
    told = ", ".join(
        f"{percent(float(np.mean(made == place)))} {word}" for place, word in enumerate(MADE) if (made == place).any()
    )
    claim = f"; headers claim {percent(float(claims.mean()))} as hits" if claiming else "; no header claims anything"
    if claiming:
        data.append(Data("cache-claims", _claims(bins, at, claims)))
    return Chart(
        id="cache",
        kind="stack",
        title=TITLE,
        caption="Share of the requests that a cache could answer, by who really made the answer, by when they were due, in "
        f"bins of {duration(bins.width_s)}. From the cache: the attempt that made the answer had ended before the request "
        "was sent; coalesced: it was under way. That is told by stamps and the providers' ledger"
        + (
            ", whatever headers say: the line is what they claim. It belongs between the top of the lowest colour and that of "
            "the coalesced, of which either claim is true; elsewhere headers claim what did not happen."
            if claiming
            else ". No header of an answer claims anything of a cache."
        ),
        label=f"Of {count(len(rows))} requests that a cache could answer {told}{claim}.",
        data=tuple(data),
        facts={
            "by": "made",
            "words": list(MADE),
            "value": "share",
            "y": "share of requests",
            "line": CLAIMED if claiming else "",
            "width_s": bins.width_s,
        },
    )


def _shares(bins: Bins, at: Codes, made: Codes) -> dict[str, Column]:
    many = len(MADE)
    counts = np.bincount(at * many + made, minlength=bins.number * many)
    total = np.repeat(counts.reshape(-1, many).sum(axis=1), many)
    begin_s, end_s = bins.edges(np.repeat(np.arange(bins.number), many))
    kept = counts > 0
    return {
        "from_s": decimals(begin_s[kept], 3),
        "to_s": decimals(end_s[kept], 3),
        "made": {"words": list(MADE), "codes": np.tile(np.arange(many), bins.number)[kept].tolist()},
        "requests": counts[kept].tolist(),
        "share": decimals((counts / np.maximum(total, 1))[kept], 4),
    }


def _claims(bins: Bins, at: Codes, claims: npt.NDArray[np.bool_]) -> dict[str, Column]:
    total = np.bincount(at, minlength=bins.number)
    hits = np.bincount(at[claims], minlength=bins.number)
    begin_s, end_s = bins.edges(np.arange(bins.number))
    kept = total > 0
    return {
        "from_s": decimals(begin_s[kept], 3),
        "to_s": decimals(end_s[kept], 3),
        "requests": total[kept].tolist(),
        "claimed": hits[kept].tolist(),
        "share": decimals((hits / np.maximum(total, 1))[kept], 4),
    }
