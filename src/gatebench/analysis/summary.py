"""Reads one run to the end: tables, books, validity, metrics, checks, verdict; writes summary.json.

The verdict takes the first that applies: invalid, fail, inconclusive, pass (`interface.md`, exit codes). An
untrustworthy measurement shows nothing, not even a failure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np

from gatebench.analysis.checks import judge
from gatebench.analysis.cpu import costs
from gatebench.analysis.faults import FaultTimeline
from gatebench.analysis.headline import headline
from gatebench.analysis.ledger import balance
from gatebench.analysis.limits import harness_limits
from gatebench.analysis.metrics import measure
from gatebench.analysis.overhead import overhead_lines, under_the_floor
from gatebench.analysis.series import unheard
from gatebench.analysis.tables import RunTables, read
from gatebench.analysis.validity import findings
from gatebench.analysis.windows import TRANSITION, Window
from gatebench.run.folder import RunFolder, RunRecord, write_atomically
from gatebench.run.summary import EXIT_CODES, CheckResult, FaultTimes, Finding, PhaseWindow, Summary, Verdict

NOBODY = "nobody"
_LAST_WORDS = 300
UNSTAMPED = "unstamped"


def summarise(folder: RunFolder, tables: RunTables | None = None) -> Summary:
    """Read the run and write its summary.json. Works on whatever a crash left; raises only when run.json is no run of
    ours. `tables` are those of the run for who has read them already.
    """
    tables = read(folder) if tables is None else tables
    plan, record = tables.plan, tables.record
    books = balance(tables)
    validity = findings(tables, books)
    values = measure(tables)
    checks = judge(tables, values)
    added = overhead_lines(tables, values)
    verdict = judge_run(validity, checks)
    target = target_name(record)
    summary = Summary(
        run_id=record.id,
        scenario=plan.scenario,
        title=plan.title,
        target=target,
        engine=engine_name(record),
        seed=plan.seed,
        status=record.status,
        evidence=plan.evidence,
        verdict=verdict,
        exit_code=EXIT_CODES[verdict],
        headline=headline(target, verdict, checks, values),
        reasons=reasons(verdict, validity, checks),
        deaths=target_deaths(tables),
        warnings=[
            *closed_load(tables),
            *plan.warnings,
            *record.trouble,
            *unlike_workers(record),
            *target_deaths(tables),
            *injected_by_hand(tables),
            *harness_limits(folder, plan),
            *unheard(tables.heard),
            *under_the_floor(added),
        ],
        validity=validity,
        ledger=books,
        phases=[_phase(window) for window in tables.windows],
        faults=[_fault(fault) for fault in tables.faults],
        metrics=values,
        checks=checks,
        served=served(tables),
        overhead=added,
        cpu=costs(tables),
    )
    tables.forget()
    write_atomically(folder.path / "summary.json", summary.model_dump_json(by_alias=True, indent=1))
    return summary


def judge_run(validity: Sequence[Finding], checks: Sequence[CheckResult]) -> Verdict:
    """Return the verdict: the first of invalid, fail, inconclusive and pass that applies."""
    verdicts = {check.verdict for check in checks}
    if any(finding.status == "invalid" for finding in validity):
        return "invalid"
    if "fail" in verdicts:
        return "fail"
    return "pass" if "pass" in verdicts and "unknown" not in verdicts else "inconclusive"


def reasons(verdict: Verdict, validity: Sequence[Finding], checks: Sequence[CheckResult]) -> list[str]:
    """Return why the verdict is what it is, one sentence for each reason."""
    if verdict == "invalid":
        return [finding.sentence for finding in validity if finding.status == "invalid"]
    if verdict == "fail":
        return [f"{check.sentence}: {check.why}." for check in checks if check.verdict == "fail"]
    if verdict == "inconclusive":
        named = [f"{check.sentence}: {check.why}." for check in checks if check.verdict == "unknown"]
        return named or [f"No check applies: {'; '.join(sorted({check.why for check in checks}))}."]
    return []


def closed_load(tables: RunTables) -> list[str]:
    """Return what must stand beside every latency of a closed load: users, think time and what was in flight."""
    users = tables.plan.load.users or tables.plan.load.locustfile
    if users is None:
        return []
    length_s = tables.length_s(None)
    spent_ms = float(np.nansum(tables.load["service_ms"].to_numpy(np.float64)))
    depth = f", {spent_ms / 1e3 / length_s:.1f} requests in flight on average" if length_s else ""
    return [
        f"A {users.sentence()}{depth}: whoever waits for an answer sends nothing meanwhile, so these times are not those of "
        "independent callers."
    ]


def unlike_workers(record: RunRecord) -> Iterator[str]:
    """Yield a sentence for each worker whose machine differs in something that may show in its figures."""
    for worker in record.workers:
        if worker.differs:
            yield (
                f"Load worker {worker.worker} ran elsewhere with {', '.join(worker.differs)}: its rows and the others' are "
                "not quite comparable."
            )


def target_deaths(tables: RunTables) -> list[str]:
    """Return a sentence for each process of the target that ended before it was told to: that is the target's doing."""
    definition = tables.plan.target.definition
    names = {process.name for process in definition.process} if definition else set()
    zero_ns = tables.record.clock.load_start_ns
    found = []
    for event in tables.events:
        if event.get("event") == "process.ended" and event.get("process") in names:
            when = f" {(event['at_ns'] - zero_ns) / 1e9:.1f} s into the load" if zero_ns else ""
            said = " / ".join(str(line).strip() for line in event.get("log") or () if str(line).strip())
            words = f" It said last: {said[:_LAST_WORDS]}" if said else ""
            found.append(
                f"The target's process {event['process']} ended by itself{when} (exit code {event.get('exit_code')}).{words}"
            )
    return found


def injected_by_hand(tables: RunTables) -> Iterator[str]:
    """Yield a sentence for the faults that a second terminal injected: what they touched counts in no phase."""
    found = [fault for fault in tables.faults if fault.planned.manual and fault.acknowledged_ns is not None]
    if found:
        names = ", ".join(dict.fromkeys(f"{fault.planned.name} on {fault.planned.on}" for fault in found))
        yield (
            f"{names}: injected by hand during this run. Requests under way meanwhile are shown as transition and count in no "
            "phase."
        )


def target_name(record: RunRecord) -> str:
    """Return the target as the command line names it: NAME, or NAME:PROFILE."""
    target = record.plan.target
    return target.name if target.profile == "default" else f"{target.name}:{target.profile}"


def engine_name(record: RunRecord) -> str:
    """Return the kind of engine and, where provenance has it, its version."""
    known = record.provenance.get("engine")
    facts = known if isinstance(known, dict) else {}
    kind = str(facts.get("kind") or record.plan.engine.kind)
    return f"{kind} {facts['version']}" if facts.get("version") else kind


def served(tables: RunTables) -> dict[str, dict[str, int]]:
    """Return for each phase how many requests each provider answered; "nobody" for those without a complete ok answer,
    and "unstamped" for answers that do not say who made them.
    """
    found: dict[str, dict[str, int]] = {}
    providers = [provider.name for provider in tables.plan.providers]
    for name in [*(window.name for window in tables.windows if window.role != "warmup"), TRANSITION]:
        rows = tables.phase_rows(name)
        if rows.empty:
            continue
        answered = rows[rows["complete"]]
        by = answered["provider"].value_counts()
        counts = {provider: int(by.get(provider, 0)) for provider in providers}
        unstamped = int(answered["provider"].isna().sum())
        found[name] = counts | ({UNSTAMPED: unstamped} if unstamped else {}) | {NOBODY: len(rows) - len(answered)}
    return found


def schema_json() -> str:
    """Return the JSON Schema of summary.json, as docs/schemas publishes it."""
    return json.dumps(Summary.model_json_schema(by_alias=True, mode="serialization"), indent=2, sort_keys=True) + "\n"


def _phase(window: Window) -> PhaseWindow:
    return PhaseWindow(
        name=window.name,
        role=window.role,
        planned_start_s=window.planned_start_ns / 1e9,
        planned_end_s=window.planned_end_ns / 1e9,
        start_s=window.start_ns / 1e9,
        end_s=window.end_ns / 1e9,
    )


def _fault(fault: FaultTimeline) -> FaultTimes:
    planned = fault.planned
    return FaultTimes(
        id=planned.id,
        name=planned.name,
        on=planned.on,
        layer=planned.definition.layer,
        effect=planned.definition.effect,
        planned_start_s=planned.start_ns / 1e9,
        planned_end_s=planned.end_ns / 1e9,
        requested_s=_seconds(fault.requested_ns),
        acknowledged_s=_seconds(fault.acknowledged_ns),
        proven_s=_seconds(fault.proven_ns),
        clear_requested_s=_seconds(fault.clear_requested_ns),
        cleared_s=_seconds(fault.cleared_ns),
        proven_clear_s=_seconds(fault.proven_clear_ns),
        bit=fault.bit,
        gone=fault.gone,
        fidelity=fault.fidelity,
        hits=fault.hits,
        part=planned.part,
        chaos=planned.chaos,
        manual=planned.manual,
        sentence=fault.sentence,
    )


def _seconds(time_ns: int | None) -> float | None:
    return None if time_ns is None else time_ns / 1e9
