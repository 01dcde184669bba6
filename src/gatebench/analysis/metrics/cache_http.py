"""Conditional requests: who is told that nothing has changed, and whether that is so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.analysis.metrics.shares import share
from gatebench.resource import has_changed, resource_path
from gatebench.stamp import fingerprint

if TYPE_CHECKING:
    import pandas as pd

    from gatebench.plan import Plan
    from gatebench.traffic import Route

_LEAST: Final = 20


def _changed_prints(plan: Plan, route: Route) -> npt.NDArray[np.uint64]:
    """Return the fingerprints of a route's resources that are not what clients hold any more."""
    shares = [
        provider.rest[route.collection].changed for provider in plan.providers if route.collection in provider.rest
    ]
    if not route.conditional or not shares:
        return np.empty(0, np.uint64)
    numbers = (str(number) for number in range(route.resources))
    paths = (
        resource_path(route.collection, number, route.size or 0)
        for number in numbers
        if has_changed(route.collection, number, shares[0])
    )
    return np.array([fingerprint(path) for path in paths], np.uint64)


def _answered(scope: Scope) -> pd.DataFrame:
    """Return the answered reads of REST resources; `conditional` and `changed` say what was asked, and what is so."""
    plan = scope.tables.plan
    routes = {route.name: route for route in plan.traffic.routes if route.kind == "rest"}
    rows = scope.rows[scope.rows["route"].isin(routes) & scope.rows["complete"]]
    if rows.empty:
        return rows.assign(conditional=False, changed=False)
    asked = scope.tables.asked.loc[rows.index]
    changed = np.zeros(len(rows), bool)
    for name, route in routes.items():
        own = (rows["route"] == name).to_numpy()
        changed[own] = np.isin(asked["fingerprint"].to_numpy(np.uint64)[own], _changed_prints(plan, route))
    return rows.assign(conditional=asked["conditional"].to_numpy(), changed=changed)


def wrongly_unchanged(scope: Scope) -> pd.DataFrame:
    """Answers 304 to somebody who holds an older version, or who set no condition."""
    rows = _answered(scope)
    return rows[(rows["status"] == 304) & (~rows["conditional"] | rows["changed"])]


@metric(unit="answers", better="lower", title="False 304s", judged="exact", offenders=wrongly_unchanged, quiet=True)
def false_not_modified(scope: Scope) -> Measured:
    """Answers 304 to a client whose entity tag is not the resource's any more, or who set no condition: it goes on with
    what is not so. The origin's resources change by a known share between what clients hold and what it serves
    (`changed` of a collection). At least 20 conditional reads of changed resources. An exact count: must be 0.
    """
    rows = _answered(scope)
    tempting = int((rows["conditional"] & rows["changed"]).sum())
    if tempting < _LEAST:
        return unknown(f"it takes {_LEAST} conditional reads of changed resources; here are {tempting}", tempting)
    wrong = len(wrongly_unchanged(scope))
    return known(float(wrong), tempting, why=f"{wrong} among {tempting} conditional reads of changed resources")


def sent_again(scope: Scope) -> pd.DataFrame:
    """Conditional reads of unchanged resources that were answered with the whole resource."""
    rows = _answered(scope)
    return rows[rows["conditional"] & ~rows["changed"] & (rows["status"] != 304)]


@metric(unit="share", better="higher", title="Conditional reads answered 304", offenders=sent_again, quiet=True)
def not_modified_ratio(scope: Scope) -> Measured:
    """Answers 304 ÷ answered conditional reads of resources that have not changed since: a client that holds the current
    version need not be sent it. At least 20; Wilson's interval.
    """
    rows = _answered(scope)
    rows = rows[rows["conditional"] & ~rows["changed"]]
    if len(rows) < _LEAST:
        return unknown(f"it takes {_LEAST} conditional reads of unchanged resources; here are {len(rows)}", len(rows))
    return share(int((rows["status"] == 304).sum()), len(rows))
