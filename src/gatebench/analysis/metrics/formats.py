"""Whether one client API looks the same whichever provider answered behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from gatebench.analysis.columns import belong, is_any, values_of, words_of
from gatebench.analysis.makers import no_attempts, with_makers
from gatebench.analysis.metrics.accounting import bills
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.sample import NEVER, NO_USAGE_IN, NO_USAGE_OUT

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.traffic.route import Route

LEAST_ANSWERS: Final = 20
_APART: Final = 0.01
Flags: TypeAlias = np.ndarray[tuple[int], np.dtype[np.bool_]]


def _facts(route: Route, rows: pd.DataFrame, made: pd.DataFrame) -> Iterator[tuple[str, Flags]]:
    """Yield what may be true of each answer: its name in words, and whether it is."""
    if bills(route):
        yield "prompt tokens billed", values_of(rows, "usage_in") != NO_USAGE_IN
        yield "prompt tokens billed as made", values_of(rows, "usage_in") == values_of(made, "tokens_in")
        if route.kind != "embeddings":
            yield "completion tokens billed", values_of(rows, "usage_out") != NO_USAGE_OUT
            yield "completion tokens billed as made", values_of(rows, "usage_out") == values_of(made, "tokens_out")
    if route.stream:
        yield "content events", values_of(rows, "first_token_ns") != NEVER


def _of_answers(scope: Scope) -> Iterator[str]:
    """Yield a sentence for each fact that holds for one provider's answers and not for another's."""
    for route in scope.tables.plan.traffic.routes:
        own = values_of(scope.rows, "complete") & is_any(values_of(scope.rows, "route"), (route.name,))
        rows, made = with_makers(scope.tables, scope.rows[own])
        provider = values_of(made, "provider")
        by = {name: is_any(provider, (name,)) for name in sorted(words_of(provider))}
        known_by = {name: answers for name, answers in by.items() if np.count_nonzero(answers) >= LEAST_ANSWERS}
        for what, holds in _facts(route, rows, made) if len(known_by) > 1 else ():
            shares = {name: float(holds[answers].mean()) for name, answers in known_by.items()}
            least, most = min(shares, key=lambda name: shares[name]), max(shares, key=lambda name: shares[name])
            if shares[most] - shares[least] > _APART:
                yield (
                    f"on {route.name}: {what} in {shares[most]:.0%} of the answers of {most}, in {shares[least]:.0%} of "
                    f"those of {least}"
                )


def _of_errors(scope: Scope) -> Iterator[str]:
    """Yield a sentence for each status of a provider that clients see differently, by whose it was.

    Only requests with a single attempt count: after several, whose error it is cannot be told.
    """
    attempts = scope.tables.attempts
    if attempts is None:
        return
    once = scope.rows[(values_of(scope.rows, "attempts") == 1) & (values_of(scope.rows, "status") > 0)]
    failed = attempts[values_of(attempts, "status") >= 400]
    failed = failed[belong(values_of(failed, "sample"), once.index)]
    seen = values_of(scope.tables.samples, "status")[values_of(failed, "sample")].astype(np.int64)
    for status in np.unique(failed["status"]):
        by: dict[str, int] = {}
        for name in np.unique(failed["provider"].to_numpy(dtype=str)):
            own = seen[((failed["status"] == status) & (failed["provider"] == name)).to_numpy()]
            if len(own) >= LEAST_ANSWERS:
                by[name] = int(np.bincount(own).argmax())
        if len(set(by.values())) > 1:
            yield f"a {status} of " + ", of ".join(f"{name} became {shown}" for name, shown in by.items())


@metric(unit="differences", better="lower", title="Differences between providers' answers", judged="exact", quiet=True)
def shape_differences(scope: Scope) -> Measured:
    """Facts that hold for the answers of one provider and not for those of another (by more than a hundredth of them) on
    one route: tokens billed, and billed as made; content events; and statuses of a provider that clients see as different
    ones depending on whose they were. In how many pieces a stream comes is no matter of its shape. Must be 0. At least 20
    answers of each of two providers.
    """
    reason = no_attempts(scope.tables)
    if reason:
        return unknown(reason)
    provider, complete = values_of(scope.rows, "provider"), values_of(scope.rows, "complete")
    answered = [np.count_nonzero(is_any(provider, (name,)) & complete) for name in words_of(provider)]
    counted = [number for number in answered if number >= LEAST_ANSWERS]
    if len(counted) < 2:
        return unknown(f"fewer than two providers made {LEAST_ANSWERS} answers here", int(sum(answered)))
    found = [*_of_answers(scope), *_of_errors(scope)]
    return known(float(len(found)), int(sum(counted)), why="; ".join(found))
