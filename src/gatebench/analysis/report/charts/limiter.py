"""A rate limiter over time: what each tenant was given and refused, beside what the declared algorithm would have given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from gatebench.analysis.limited import LimitedKey
from gatebench.analysis.report.charts.asked_for import judges
from gatebench.analysis.report.charts.bins import Bins, Floats, rates
from gatebench.analysis.report.charts.chart import Chart, Coded, Column, Data, NoChart
from gatebench.analysis.report.charts.outcomes import bar_bins
from gatebench.analysis.report.words import count, duration
from gatebench.oracles.limiter.limit import Limit, limit_of

if TYPE_CHECKING:
    from gatebench.analysis.tables import RunTables
    from gatebench.plan import Plan

TITLE: Final = "Admitted and refused, beside the declared algorithm"
TENANTS_MOST: Final = 6
ADMITTED: Final = "admitted"
REFUSED: Final = "refused"
UNCLEAR: Final = "neither proven"
_GIVEN: Final = (ADMITTED, REFUSED, UNCLEAR)
_MODULES: Final = ("limiter", "limiter_isolation", "limiter_retry_after", "limiter_store")

Codes = npt.NDArray[np.int64]


def build(tables: RunTables) -> list[Chart | NoChart]:
    """Return the chart of the tenants that have a limit; none where nothing limits, why not where a check asks about it."""
    asked = judges(tables.plan, _MODULES)
    try:
        limited = _is_limited(tables.plan)
        keys = [key for key in tables.keys.values() if key.limit is not None] if limited else []
    except ValueError as error:
        return [NoChart(TITLE, f"What is declared of the limiter cannot be understood: {error}.")] if asked else []
    if not keys:
        return [NoChart(TITLE, "No tenant with a declared limit asked for anything.")] if asked else []
    return [_chart(tables, sorted(keys, key=lambda key: (-len(key.rows), key.tenant)))]


def _is_limited(plan: Plan) -> bool:
    declared = plan.declared.get("limiter", {})
    return any(limit_of(declared, tier) is not None for tier in (plan.tiers or ("",)))


def _chart(tables: RunTables, keys: Sequence[LimitedKey]) -> Chart:
    bins = bar_bins(tables)
    shown, rest = keys[:TENANTS_MOST], keys[TENANTS_MOST:]
    groups = [(_name(key), [key]) for key in shown]
    if rest:
        groups.append((f"{count(len(rest))} others", list(rest)))
    names = [name for name, _ in groups]
    (at_s, place, given), (model_s, model_place) = _rows(tables, [own for _, own in groups])
    limits: list[Limit] = [key.limit for key in keys if key.limit is not None]
    words = list(dict.fromkeys(limit.sentence() for limit in limits))
    told = "; ".join(_told(name, own) for name, own in groups)
    declared = words[0] if len(words) == 1 else "; ".join(words)
    return Chart(
        id="limiter",
        kind="limiter",
        title=TITLE,
        caption=f"Requests of each tenant per second by when they were sent, in bins of {duration(bins.width_s)}: admitted "
        "is what a provider saw or answered, refused what the gateway answered with 429 by itself. The line is what the "
        f"declared algorithm would have admitted of the same requests ({declared}): bars above it are over-admission, below "
        "it false refusals. A line and bars that only sway against each other lie in neighbouring bins.",
        label=f"{told}. Declared: {declared}.",
        data=(
            Data("limiter", _given(bins, at_s, names, place, given)),
            Data("limiter-model", rates(bins, model_s, Coded(names, model_place), by="tenant", counted="requests")),
        ),
        facts={"tenants": names, "words": list(_GIVEN), "y": "requests per second", "width_s": bins.width_s},
    )


def _rows(
    tables: RunTables, groups: Sequence[Sequence[LimitedKey]]
) -> tuple[tuple[Floats, Codes, Codes], tuple[Floats, Codes]]:
    """Return when each request was sent, its group and what it was given; and the first two of those that the model admits."""
    at_s, place, given, modelled = [], [], [], []
    for number, keys in enumerate(groups):
        for key in keys:
            at_s.append((key.rows["sent_ns"].to_numpy(np.int64) - tables.start_ns) / 1e9)
            place.append(np.full(len(key.rows), number, np.int64))
            given.append(np.select([key.admitted, key.refused], [0, 1], 2).astype(np.int64))
            modelled.append(key.replayed)
    sent_s, groups_of, model = np.concatenate(at_s), np.concatenate(place), np.concatenate(modelled)
    return (sent_s, groups_of, np.concatenate(given)), (sent_s[model], groups_of[model])


def _given(bins: Bins, at_s: Floats, names: Sequence[str], place: Codes, given: Codes) -> dict[str, Column]:
    """Return a table with one row a bin, tenant and word: how many requests, and the rate per second."""
    codes = place * len(_GIVEN) + given
    found = rates(bins, at_s, Coded([""] * (len(names) * len(_GIVEN)), codes), by="both", counted="requests")
    both = found.pop("both")
    codes = np.asarray(both["codes"] if isinstance(both, dict) else both, dtype=np.int64)
    return {
        "from_s": found["from_s"],
        "to_s": found["to_s"],
        "tenant": {"words": list(names), "codes": (codes // len(_GIVEN)).tolist()},
        "given": {"words": list(_GIVEN), "codes": (codes % len(_GIVEN)).tolist()},
        "requests": found["requests"],
        "per_s": found["per_s"],
    }


def _name(key: LimitedKey) -> str:
    """Return a tenant's name; that of the reactive probe, which comes back exactly when it is told to, says so."""
    return f"{key.tenant} (reactive probe)" if bool((key.rows["kind"] == "reactive").all()) else key.tenant


def _told(name: str, keys: Sequence[LimitedKey]) -> str:
    admitted, refused, model = (
        sum(int(getattr(key, what).sum()) for key in keys) for what in ("admitted", "refused", "replayed")
    )
    return f"{name}: {count(admitted)} admitted, {count(refused)} refused, the model admits {count(model)}"
