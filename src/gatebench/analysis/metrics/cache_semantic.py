"""A cache that answers by meaning: what it gains on paraphrases, and what it mistakes among look-alikes."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.caching.rows import askable, unheard, who_made
from gatebench.analysis.caching.truth import HIT, JOINED
from gatebench.analysis.metrics.cache_safety import borrowed
from gatebench.analysis.metrics.registry import Measured, Scope, metric, unknown
from gatebench.analysis.metrics.shares import share
from gatebench.sample import NEVER
from gatebench.traffic.questions import by_fingerprint

if TYPE_CHECKING:
    import pandas as pd

_LEAST: Final = 50


def missed_paraphrases(scope: Scope) -> pd.DataFrame:
    """Paraphrases that were asked upstream although an answer with the same meaning was there."""
    rows = _could_be_hits(scope)
    return rows[~rows["truth"].isin((HIT, JOINED))]


@metric(unit="share", better="higher", title="Hits on paraphrases", offenders=missed_paraphrases, quiet=True)
def paraphrase_hit_ratio(scope: Scope) -> Measured:
    """Paraphrases answered from a cache with an answer of the same meaning ÷ paraphrases for which the route and tenant had
    one: an attempt for another wording of the same meaning, ended within the TTL before the request was sent, while no answer
    to the very same text was that young. Labels are those of the shipped questions. At least 50; Wilson's interval.
    """
    reason = unheard(scope, askable(scope), 0)
    rows = _could_be_hits(scope)
    if reason or len(rows) < _LEAST:
        return unknown(
            reason or f"it takes {_LEAST} paraphrases of what had been asked; here are {len(rows)}", len(rows)
        )
    right = rows[(rows["truth"] == HIT) & (_made_meaning(scope, rows) == rows["meant"].to_numpy(np.int64))]
    return share(len(right), len(rows))


def mistaken_for(scope: Scope) -> pd.DataFrame:
    """Look-alikes that were answered with what was made for another meaning."""
    rows = borrowed(scope)
    rows = rows[rows["wording"] == "lookalike"]
    known = by_fingerprint()
    mistaken = [
        (known[int(made)].meaning if int(made) in known else None) != known[int(asked)].meaning
        for made, asked in zip(rows["made_print"], rows["asked_print"], strict=True)
    ]
    return rows[np.array(mistaken, dtype=bool)]


@metric(unit="share", better="lower", title="False hits on look-alikes", offenders=mistaken_for, quiet=True)
def false_hit_ratio(scope: Scope) -> Measured:
    """Look-alikes (another number, name, direction, or a negation) answered with what was made for another meaning ÷
    look-alikes that were answered. Labels are those of the shipped questions. At least 50; Wilson's interval.
    """
    rows = who_made(scope)
    rows = rows[(rows["wording"] == "lookalike") & rows["complete"]]
    reason = unheard(scope, rows, 0)
    if reason or len(rows) < _LEAST:
        return unknown(reason or f"it takes {_LEAST} answered look-alikes; here are {len(rows)}", len(rows))
    return share(len(mistaken_for(scope)), len(rows))


def _made_meaning(scope: Scope, rows: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the meaning of what each answer was made for; -1 where that is no shipped question."""
    attempts = scope.tables.attempts
    prints = np.empty(0, np.uint64) if attempts is None else attempts["fingerprint"].to_numpy(np.uint64)
    known = by_fingerprint()
    found = [known.get(int(prints[maker])) if maker >= 0 else None for maker in rows["maker"].tolist()]
    return np.array([-1 if question is None else question.meaning for question in found], dtype=np.int64)


def _could_be_hits(scope: Scope) -> pd.DataFrame:
    """Return the paraphrases for which only a cache that knows meanings has an answer; `meant` is their meaning."""
    tables = scope.tables
    rows = askable(scope)
    rows = rows[rows["wording"] == "paraphrase"]
    if rows.empty:
        return rows.assign(meant=np.empty(0, np.int64))
    rows = rows.assign(meant=tables.asked["meaning"].loc[rows.index].to_numpy(np.int64))
    if tables.attempts is None or rows.empty:
        return rows.iloc[:0]
    # What ended when, by who may be answered with it (the topic) and by its very text (the key).
    own = tables.attempts[(tables.attempts["sample"] >= 0) & (tables.attempts["end"] == "completed")]
    own = own[(own["status"] == 200) & (own["ended_ns"] != NEVER)]
    asker = tables.served.loc[own["sample"].to_numpy()]
    ended: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for topic, key, ended_ns in zip(asker["topic"], asker["key"], own["ended_ns"].to_numpy(np.int64), strict=True):
        ended[int(topic), int(key)].append(int(ended_ns))
    by_topic: defaultdict[int, list[tuple[int, list[int]]]] = defaultdict(list)
    for (topic, key), times in ended.items():
        by_topic[topic].append((key, sorted(times)))
    could = [
        _another_wording(by_topic[int(topic)], int(key), int(sent_ns), longest_ms)
        for topic, key, sent_ns, longest_ms in zip(
            rows["topic"], rows["key"], rows["sent_ns"], rows["longest_ms"], strict=True
        )
    ]
    return rows[np.array(could, dtype=bool)]


def _another_wording(made: list[tuple[int, list[int]]], key: int, sent_ns: int, longest_ms: float) -> bool:
    """Tell whether another wording was answered in time and the text itself was not."""
    since_ns = sent_ns - (float("inf") if math.isnan(longest_ms) else longest_ms * 1e6)
    fresh = {own: any(since_ns < ended_ns < sent_ns for ended_ns in times) for own, times in made}
    return not fresh.get(key, False) and any(there for own, there in fresh.items() if own != key)
