"""Who made the answer to each request, and when: the truth about a cache, from stamps and the providers' ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from gatebench.analysis.caching.terms import is_pooled, terms_of
from gatebench.analysis.caching.truth import FETCHED, HIT, JOINED, REVALIDATED, UNKNOWN
from gatebench.sample import NEVER
from gatebench.traffic.questions import NO_MEANING, by_fingerprint

if TYPE_CHECKING:
    from gatebench.plan import Plan

NOBODY: Final = -1
_TROUBLE_NS: Final = 5_000_000_000

Ints = npt.NDArray[np.int64]


def served(samples: pd.DataFrame, attempts: pd.DataFrame | None, asked: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Return, in the order of `samples`:

    - `cacheable`: the request is one of a pool that is asked for again: chat and messages of `prompts`, shipped `questions` that are
      neither personal nor time-bound, REST resources
    - `key`: number of what it asked, by route, fingerprint, and tenant unless tenants share; `topic`: the same by meaning for a
      semantic cache; -1 where not cacheable
    - `wording`: how a shipped question relates to its canonical one; "" for others
    - `truth`: UNKNOWN, FETCHED, JOINED, HIT or REVALIDATED
    - `maker`: position in `attempts` of the attempt that made the answer; `owner`: position in `samples` of the request that
      it was made for; -1 for none
    - `age_ms`: sent - end of the attempt that made it, or of the last one that found it unchanged (304); NaN unless a hit
    - `longest_ms`: the age at which it may be served at most; NaN when nobody says. stale-if-error counts in the phases of faults
      and in the transitions, and for five seconds after an attempt that failed
    """
    tables = {route.name: terms_of(plan, route) for route in plan.traffic.routes}
    pooled = {route.name for route in plan.traffic.routes if is_pooled(route)}
    routes = samples["route"].astype(str).to_numpy()
    prints = asked["fingerprint"].to_numpy(np.uint64)
    known = by_fingerprint() if any(route.questions for route in plan.traffic.routes) else {}
    wording = np.array([known[print_].wording if print_ in known else "" for print_ in prints.tolist()], dtype=object)
    cacheable = np.isin(routes, list(pooled)) & ~np.isin(wording, ("personal", "timebound"))
    tenants = samples["tenant"].astype(str).to_numpy()
    shared = np.array([tables[name].shared if name in tables else False for name in routes], dtype=bool)
    owners = np.where(shared, "", tenants)
    semantic = np.array([tables[name].semantic if name in tables else False for name in routes], dtype=bool)
    meaning = asked["meaning"].to_numpy(np.int64)
    topic = np.where(semantic & (meaning != NO_MEANING), meaning.astype(np.uint64), prints)
    usual, in_trouble = (
        np.array([_ms(getattr(tables[name], which)) if name in tables else np.nan for name in routes])
        for which in ("usual_ns", "in_trouble_ns")
    )
    maker, owner, truth, age_ms = _made(samples, attempts)
    return pd.DataFrame(
        {
            "cacheable": cacheable,
            "key": _numbered(routes, prints, owners, cacheable),
            "topic": _numbered(routes, topic, owners, cacheable),
            "wording": wording,
            "truth": truth,
            "maker": maker,
            "owner": owner,
            "age_ms": age_ms,
            "longest_ms": np.where(_in_trouble(samples, attempts, plan), in_trouble, usual),
        },
        index=samples.index,
    )


def _numbered(
    routes: npt.NDArray[Any], what: npt.NDArray[np.uint64], owners: npt.NDArray[Any], cacheable: npt.NDArray[np.bool_]
) -> Ints:
    codes = pd.MultiIndex.from_arrays([routes, what, owners]).factorize()[0]
    return np.where(cacheable, codes, NOBODY).astype(np.int64)


def _ms(time_ns: int | None) -> float:
    return np.nan if time_ns is None else time_ns / 1e6


def _in_trouble(samples: pd.DataFrame, attempts: pd.DataFrame | None, plan: Plan) -> npt.NDArray[np.bool_]:
    """Tell for each row whether providers were failing then."""
    faulted = [phase.name for phase in plan.phases if phase.role == "fault"]
    trouble = samples["label"].isin((*faulted, "transition")).to_numpy(copy=True)
    if attempts is None:
        return trouble
    failed = attempts[attempts["status"].isin((0, 429)) | (attempts["status"] >= 500)]
    ends = np.sort(failed["ended_ns"].to_numpy(np.int64))
    if len(ends):
        before = np.searchsorted(ends, samples["done_ns"].to_numpy(np.int64), side="right")
        last_ns = np.where(before > 0, ends[np.maximum(before - 1, 0)], np.iinfo(np.int64).min // 2)
        trouble |= (before > 0) & (samples["sent_ns"].to_numpy(np.int64) - last_ns < _TROUBLE_NS)
    return trouble


def _made(
    samples: pd.DataFrame, attempts: pd.DataFrame | None
) -> tuple[Ints, Ints, npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
    """Return maker, owner, truth and age of each sample's answer."""
    n = len(samples)
    maker, owner = np.full(n, NOBODY, np.int64), np.full(n, NOBODY, np.int64)
    truth, age_ms = np.full(n, UNKNOWN, np.uint8), np.full(n, np.nan)
    if attempts is None or attempts.empty:
        return maker, owner, truth, age_ms
    names = attempts["provider"].astype(str)
    made = pd.MultiIndex.from_arrays([names, attempts["attempt"].to_numpy(np.int64)])
    wanted = pd.MultiIndex.from_arrays([samples["provider"].astype(str), samples["attempt"].to_numpy(np.int64)])
    maker = np.where(samples["provider"].notna(), made.get_indexer(wanted), NOBODY).astype(np.int64)
    stamped = (maker >= 0) & (samples["sent_ns"].to_numpy() != NEVER)
    maker[~stamped] = NOBODY
    owner[stamped] = attempts["sample"].to_numpy(np.int64)[maker[stamped]]
    ended_ns = attempts["ended_ns"].to_numpy(np.int64)
    sent_ns = samples["sent_ns"].to_numpy(np.int64)
    made_ns = np.where(stamped, ended_ns[maker], NEVER)
    before = stamped & (made_ns != NEVER) & (made_ns < sent_ns)
    another = stamped & (owner >= 0) & (owner != np.arange(n))
    own_unchanged = np.zeros(n, bool)
    unchanged = attempts[(attempts["status"] == 304) & (attempts["sample"] >= 0)]
    asker = unchanged["sample"].to_numpy(np.int64)
    # One that was answered after the answer was there was sent behind its back, to refresh the entry: nobody waited for it.
    waited = _written_ns(unchanged) <= samples["done_ns"].to_numpy(np.int64)[asker]
    own_unchanged[asker[waited]] = True
    truth[stamped] = FETCHED
    truth[another & ~before] = JOINED
    truth[before] = HIT
    truth[before & own_unchanged] = REVALIDATED
    fresh_ns = _freshened(samples, attempts, maker, made_ns)
    hit = truth == HIT
    age_ms[hit] = np.maximum(0, sent_ns[hit] - fresh_ns[hit]) / 1e6
    return maker, owner, truth, age_ms


def _written_ns(attempts: pd.DataFrame) -> Ints:
    """Return when the last byte went out: the end is noted a moment later, when the client may have the answer already."""
    arrived_ns, took_ns = attempts["arrived_ns"].to_numpy(np.int64), attempts["service_ns"].to_numpy(np.int64)
    wrote_ns: Ints = arrived_ns + took_ns
    return wrote_ns


def _freshened(samples: pd.DataFrame, attempts: pd.DataFrame, maker: Ints, made_ns: Ints) -> Ints:
    """Return when each answer was last known to be the origin's: the end of its attempt, or of a 304 for the same before
    the answer was there: whoever waits for a revalidation has what it found.
    """
    unchanged = attempts[(attempts["status"] == 304) & (attempts["ended_ns"] != NEVER)]
    if unchanged.empty:
        return made_ns
    ends = {
        print_: np.sort(_written_ns(rows))
        for print_, rows in unchanged.groupby(unchanged["fingerprint"].to_numpy(np.uint64))
    }
    prints = attempts["fingerprint"].to_numpy(np.uint64)
    fresh_ns = made_ns.copy()
    done_ns = samples["done_ns"].to_numpy(np.int64)
    for place in np.flatnonzero(maker >= 0).tolist():
        later = ends.get(prints[maker[place]])
        if later is None:
            continue
        at = int(np.searchsorted(later, done_ns[place]))
        if at:
            fresh_ns[place] = max(int(fresh_ns[place]), int(later[at - 1]))
    return fresh_ns
