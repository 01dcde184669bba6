"""Says what a run showed in one sentence: facts first, no praise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gatebench.analysis.overhead import distinguishable
from gatebench.analysis.wording import text
from gatebench.run.summary import CheckResult, MetricValue, Verdict
from gatebench.units import human_duration

_MOST_NAMED = 2


def headline(
    target: str,
    verdict: Verdict,
    checks: Sequence[CheckResult],
    values: Sequence[MetricValue],
) -> str:
    """Return the sentence at the top of every report."""
    if verdict == "invalid":
        return f"{target}: this measurement cannot be trusted"
    if verdict == "fail":
        failed = [check for check in checks if check.verdict == "fail"]
        named = "; ".join(_failure(check) for check in failed[:_MOST_NAMED])
        more = f"; and {len(failed) - _MOST_NAMED} more" if len(failed) > _MOST_NAMED else ""
        return f"{target} failed {len(failed)} of {len(checks)} checks: {named}{more}"
    if verdict == "inconclusive":
        open_checks = [check for check in checks if check.verdict == "unknown"]
        if not open_checks:
            return f"{target}: no check applies here. {checks[0].why}" if checks else f"{target}: there is no check"
        return f"{target}: {len(open_checks)} of {len(checks)} checks cannot be told, first: {open_checks[0].sentence.lower()}"
    return f"{target} {_survival(values)}"


def _failure(check: CheckResult) -> str:
    """Return "availability in fault is 0.81 (bound: at least 0.99)"."""
    where = "".join([f" in {check.phase}" if check.phase else "", f" on {check.route}" if check.route else ""])
    side = "at least" if check.direction == "at_least" else "at most"
    above = "above " if check.censored else ""
    value = text(check.value) if check.value is not None else "unknown"
    unit = f" {check.unit}" if check.unit in ("ms", "s", "1/s") else ""
    return f"{check.metric}{where} is {above}{value}{unit} ({side} {text(check.bound)})"


def _survival(values: Sequence[MetricValue]) -> str:
    """Return what happened to a run that passed: the failover, the losses, the recovery, or the plain latency."""
    of_run = {value.name: value for value in values if value.phase is None and value.route is None}

    def known(name: str) -> float | None:
        value = of_run.get(name)
        return value.value if value is not None and value.status == "known" else None

    parts = []
    if (failover_s := known("failover_time_s")) is not None:
        parts.append(f"failover took {human_duration(failover_s)}")
    if (lost := known("requests_lost")) is not None:
        on_purpose = refused(values)
        parts.append("nothing lost" if lost == on_purpose else f"{lost - on_purpose:.0f} requests lost")
        parts += [f"{on_purpose} refused"] if on_purpose else []
    if (recover_s := known("time_to_recover_s")) is not None:
        parts.append("recovered at once" if recover_s == 0 else f"recovered in {human_duration(recover_s)}")
    if (added_ms := known("overhead_median_ms")) is not None:
        shows = distinguishable(of_run["overhead_median_ms"], of_run.get("overhead_floor_median_ms"))
        parts.append("adds nothing beyond the noise" if shows is False else f"adds {human_duration(added_ms / 1000)}")
    if len(parts) < _MOST_NAMED and (p99_ms := known("response_p99_ms")) is not None:
        parts.append(f"p99 {human_duration(p99_ms / 1000)}")
    return f"{'survived' if _struck(of_run) else 'passed'}: {', '.join(parts)}" if parts else "passed every check"


def refused(values: Sequence[MetricValue]) -> int:
    """Return how many of the requests lost by a run without a fault were refused, by a limit or to shed load. With a fault it is
    0: those refused are of another stretch of the run than those lost.
    """
    of_run = {value.name: value for value in values if value.phase is None and value.route is None}
    if _struck(of_run):
        return 0
    return max(_count(of_run.get(name)) for name in ("rejected_share", "shed_share"))


def _struck(of_run: Mapping[str, MetricValue]) -> bool:
    """Tell whether the run had a fault: only then its recovery and failover are looked for."""
    return "time_to_recover_s" in of_run or "failover_time_s" in of_run


def _count(share: MetricValue | None) -> int:
    """Return the requests behind a share of them, 0 when it is not known."""
    return round(share.value * share.n) if share is not None and share.value is not None else 0
