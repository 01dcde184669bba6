"""Judges every check of a plan. One that cannot be judged is unknown, and one that raises is unknown; never a pass."""

from __future__ import annotations

from collections.abc import Sequence

from gatebench.analysis.checks.bounds import Bound, Decision, Direction, decide
from gatebench.analysis.checks.evidence import evidence
from gatebench.analysis.metrics import metrics
from gatebench.analysis.metrics.registry import Metric, OutageMetric
from gatebench.analysis.tables import RunTables
from gatebench.analysis.wording import text
from gatebench.run.summary import CheckResult, MetricValue
from gatebench.scenario import CheckUse


def judge(tables: RunTables, values: Sequence[MetricValue]) -> list[CheckResult]:
    """Return the result of every check of the plan, in its order."""
    return [judge_one(use, tables, values) for use in tables.plan.checks]


def judge_one(use: CheckUse, tables: RunTables, values: Sequence[MetricValue]) -> CheckResult:
    """Return the result of one check; whatever goes wrong while judging makes it unknown."""
    try:
        return _judge(use, tables, values)
    except Exception as error:
        why = f"the check itself failed with {type(error).__name__}: {error}. This is a defect of gatebench"
        return _result(use, None, None, Decision("unknown", why=why))


def _judge(use: CheckUse, tables: RunTables, values: Sequence[MetricValue]) -> CheckResult:
    entry = metrics().get(use.metric)
    if entry is None:
        why = f'no metric is called "{use.metric}"; bench ls metrics lists them'
        return _result(use, None, None, Decision("unknown", why=why))
    if tables.plan.not_applicable is not None:
        return _result(use, entry, None, Decision("n/a", why=tables.plan.not_applicable))
    definition = tables.plan.target.definition
    missing = [need for need in use.needs if definition is not None and need not in definition.capabilities]
    if missing:
        why = f"{tables.plan.target.name} does not declare {', '.join(missing)}"
        return _result(use, entry, None, Decision("n/a", why=why))
    value = _find(use, tables, values)
    if value is None:
        where = " on ".join(part for part in (use.phase, use.route) if part) or "the run"
        return _result(use, entry, None, Decision("unknown", why=f"there is no {use.metric} of {where} in this run"))
    bound = Bound(_direction(use), _limit(use), entry.judged, point=use.estimate == "point")
    decision = decide(bound, value)
    result = _result(use, entry, value, decision)
    if decision.verdict != "pass":
        result.evidence = evidence(entry, tables, use.phase, use.route)
    return result


def _find(use: CheckUse, tables: RunTables, values: Sequence[MetricValue]) -> MetricValue | None:
    """Return the value in the check's scope. A run with one outage has one value for it, whether the phase is named or
    not.
    """
    there = [value for value in values if value.name == use.metric and value.route == use.route]
    for value in there:
        if value.phase == use.phase:
            return value
    of_outage = isinstance(metrics()[use.metric], OutageMetric)
    named = [outage.phase for outage in tables.outages] == [use.phase]
    return there[0] if of_outage and named and there else None


def _direction(use: CheckUse) -> Direction:
    return "at_least" if use.at_least is not None else "at_most"


def _limit(use: CheckUse) -> float:
    limit = use.at_least if use.at_least is not None else use.at_most
    assert limit is not None  # noqa: S101 - CheckUse demands exactly one bound
    return limit


def _result(use: CheckUse, entry: Metric | None, value: MetricValue | None, decision: Decision) -> CheckResult:
    exact = entry is not None and entry.judged == "exact"
    return CheckResult(
        sentence=sentence(use, entry),
        metric=use.metric,
        phase=use.phase,
        route=use.route,
        bound=_limit(use),
        direction=_direction(use),
        estimate="point" if exact else use.estimate,
        unit=entry.unit if entry else "",
        verdict=decision.verdict,
        value=value.value if value else None,
        censored=value is not None and value.status == "censored",
        low=decision.low,
        high=decision.high,
        n=value.n if value else 0,
        why=decision.why,
    )


def sentence(use: CheckUse, entry: Metric | None) -> str:
    """Return what must hold, in words: "Availability in fault is at least 0.99"."""
    title = entry.title if entry else use.metric
    phase = f" in {use.phase}" if use.phase else ""
    route = f" on {use.route}" if use.route else ""
    unit = f" {entry.unit}" if entry and entry.unit in ("ms", "s", "1/s") else ""
    side = "at least" if use.at_least is not None else "at most"
    return f"{title}{phase}{route} is {side} {text(_limit(use))}{unit}"
