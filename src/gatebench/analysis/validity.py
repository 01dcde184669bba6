"""May this measurement be believed? Each question asks our own side, not the target (`measurement.md` 16)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, Literal

import numpy as np

from gatebench.analysis.closed import littles_law
from gatebench.analysis.columns import values_of
from gatebench.analysis.faults import FIDELITY_LEAST, FIDELITY_MOST, FaultTimeline
from gatebench.analysis.tables import RunTables
from gatebench.analysis.task_validity import locust_findings, task_findings
from gatebench.analysis.wording import count
from gatebench.run.folder import WorkerRecord
from gatebench.run.summary import Finding, Ledger
from gatebench.stats import percentile_of
from gatebench.units import human_duration

SENT_LEAST: Final = 0.99
CPU_MOST: Final = 0.9
DISPATCH_PERCENTILE: Final = 0.99
LITTLE_MOST: Final = 0.01
ENGINE_PROCESS: Final = "toxiproxy"
_CUT_SHORT_NS: Final = 250_000_000

Status = Literal["ok", "invalid", "unknown"]


def findings(tables: RunTables, ledger: Ledger) -> list[Finding]:
    """Return every question with its answer; one invalid answer makes the run invalid."""
    locusts = tables.plan.load.locustfile is not None
    return [
        _finished(tables),
        *_workers(tables),
        *_clocks(tables),
        *_instruments(tables),
        _streams(tables),
        _books(ledger),
        *(locust_findings(tables, ledger) if locusts else (_sent(ledger), _dispatch(tables), _local_errors(tables))),
        _processor(tables),
        *task_findings(tables),
        *_closed(tables),
        *_ledger(tables),
        *(finding for fault in tables.faults for finding in _weighed(fault, _fault(tables, fault))),
    ]


def _finished(tables: RunTables) -> Finding:
    record = tables.record
    stops = [event for event in tables.events if event.get("event") == "stop.condition"]
    if record.status == "interrupted" or any(event.get("event") == "run.interrupted" for event in tables.events):
        return _invalid("finished", "The run was interrupted; what it measured until then is kept. Run it again.")
    if stops:
        return _invalid(
            "finished", f"The run was stopped by a stop condition: {stops[0].get('why', 'no reason recorded')}."
        )
    if record.status == "failed":
        return _invalid("finished", f"The run failed: {'; '.join(record.trouble) or 'no reason recorded'}.")
    if record.status != "finished" or record.clock.load_end_ns is None:
        return _invalid(
            "finished",
            f'The run did not finish: its record says "{record.status}". Its process was killed. Run it again.',
        )
    return _ok("finished", "The run went to its end.")


def _workers(tables: RunTables) -> Iterator[Finding]:
    lost = [event for event in tables.events if event.get("event") == "load.worker_lost"]
    for event in lost:
        how = event.get("why") or f"exit code {event.get('exit_code')}"
        yield _invalid(
            "workers",
            f"Load worker {event.get('worker')} was lost ({how}), and its share of the load with "
            "it. Look into logs/ for its last words and run again.",
        )
    for number, facts in sorted(tables.workers.items()):
        if facts.get("defect"):
            yield _invalid(
                "workers",
                f"Load worker {number} ended with a defect of its own: {facts['defect']}. Please report it with logs/.",
            )
            lost.append(facts)
    silent = [number for number in range(tables.plan.load.workers) if number not in tables.workers]
    if silent and not lost and tables.record.status == "finished":
        names = ", ".join(f"parts/load-{number}.json" for number in silent)
        yield _invalid(
            "workers", f"{names} is missing or damaged, so that nobody knows how busy the generator was. Run it again."
        )
    elif not lost:
        yield _ok("workers", f"{count(tables.plan.load.workers, 'load worker')} began, and none was lost.")


def _clocks(tables: RunTables) -> Iterator[Finding]:
    """Ask whether the times of workers on other machines may stand beside ours (`measurement.md` 29)."""
    limit_ms = tables.plan.load.dispatch_limit_ms
    strange = [record for record in tables.record.workers if not record.clock.same]
    worst_ms = max((record.clock.error_ns / 1e6 for record in strange), default=0.0)
    for record in strange:
        error_ms = record.clock.error_ns / 1e6
        if record.clock.before is None or (record.clock.after is None and tables.record.status == "finished"):
            when = "before" if record.clock.before is None else "after"
            yield _invalid(
                "clocks",
                f"The clock of load worker {record.worker} could not be read {when} the load, so that nobody knows how it went. "
                "Run it again.",
            )
        elif error_ms > limit_ms:
            yield _invalid(
                "clocks",
                f"The clock of load worker {record.worker} is known to {error_ms:.2f} ms only; at most {limit_ms:g} ms are allowed. "
                "Use a quicker or quieter network between the machines.",
                error_ms,
                limit_ms,
                "ms",
            )
        else:
            continue
        return
    if strange:
        said = f"{count(len(strange), 'load worker')} with a clock of {_its(strange)} own, aligned to {worst_ms:.3f} ms or better."
        yield _ok("clocks", said, worst_ms, limit_ms, "ms")
    elif tables.record.workers:
        yield _ok("clocks", "Every load worker read the run's own clock.", 0.0, limit_ms, "ms")


def _its(records: list[WorkerRecord]) -> str:
    return "its" if len(records) == 1 else "their"


def _instruments(tables: RunTables) -> Iterator[Finding]:
    """The providers and the engine are what we measure with: one that ends before it is told to measures nothing more."""
    ours = {ENGINE_PROCESS, *(name for provider in tables.plan.providers for name in provider.process_names())}
    ended = [event for event in tables.events if event.get("event") == "process.ended" and event.get("process") in ours]
    for event in ended:
        yield _invalid(
            "instruments",
            f"{event['process']} ended by itself (exit code {event.get('exit_code')}) while the run went on, so that the target is "
            f"not to blame for what followed. Look into logs/{event['process']}.log and run again.",
        )
    if not ended:
        yield _ok("instruments", "Providers and engine stood until they were told to end.")


def _streams(tables: RunTables) -> Finding:
    torn, missing = tables.assembly.torn, tables.assembly.missing
    absent = [name for name in missing if name.startswith("samples-")]
    if torn or absent:
        parts = []
        if torn:
            parts.append(f"No end mark in {', '.join(torn)}: the writer was killed or the file was cut")
        if absent:
            parts.append(f"No stream {', '.join(absent)}: the worker never began to write")
        return _invalid("streams", f"{'. '.join(parts)}. Rows are lost there. Run again.")
    return _ok("streams", f"{count(len(tables.assembly.streams), 'stream')} read, each to its end mark.")


def _books(ledger: Ledger) -> Finding:
    if ledger.balances:
        return _ok("books", ledger.sentences[0])
    return _invalid("books", f"The books do not balance. {' '.join(ledger.sentences)}")


def _sent(ledger: Ledger) -> Finding:
    due = ledger.scheduled - ledger.unsent_stopped
    if due == 0:
        return _invalid("sent", "No request was due. Lengthen the phases or raise the rate.", 0.0, SENT_LEAST, "share")
    share = 1 - ledger.unsent_generator / due
    if share < SENT_LEAST:
        sentence = (
            f"{ledger.unsent_generator} of {due} requests were not sent because the generator was late, so less load was "
            "offered than planned. Use --workers 2, a lower --rate, or a quieter machine."
        )
        return _invalid("sent", sentence, share, SENT_LEAST, "share")
    return _ok(
        "sent",
        f"The generator sent {share:.2%} of what was due, or the target held it back.",
        share,
        SENT_LEAST,
        "share",
    )


def _dispatch(tables: RunTables) -> Finding:
    limit_ms = tables.plan.load.dispatch_limit_ms
    # A task's later requests are due when it asks for them: they are never late and would hide the ones that are.
    delays = values_of(tables.load, "dispatch_ms")
    delays = delays[~np.isnan(delays) & (values_of(tables.load, "ordinal") == 0)]
    if len(delays) == 0:
        return _unknown("dispatch_delay", "No request of the headline load was sent.", limit_ms, "ms")
    p99_ms = percentile_of(delays, DISPATCH_PERCENTILE)
    if p99_ms > limit_ms:
        sentence = (
            f"One request in a hundred was sent {p99_ms:.2f} ms or more after it was due; at most {limit_ms:g} ms are allowed. "
            "Response times hold our own delay. Use --workers 2, a lower --rate, or a quieter machine."
        )
        if any(route.kind == "task" for route in tables.plan.traffic.routes):
            sentence += " A task that waits before its first request is late, too: let it wait after that."
        return _invalid("dispatch_delay", sentence, p99_ms, limit_ms, "ms")
    return _ok(
        "dispatch_delay",
        f"99 % of the requests were sent within {p99_ms:.2f} ms of their due time.",
        p99_ms,
        limit_ms,
        "ms",
    )


def _processor(tables: RunTables) -> Finding:
    shares = [float(facts["cpu_share"]) for facts in tables.workers.values() if facts.get("cpu_share") is not None]
    if not shares:
        return _unknown("generator_cpu", "No load worker lived to say how busy it was.", CPU_MOST, "cores")
    if max(shares) > CPU_MOST:
        sentence = (
            f"A load worker used {max(shares):.0%} of a core, so what it measured may be its own slowness. "
            "Use --workers 2 or a lower --rate."
        )
        return _invalid("generator_cpu", sentence, max(shares), CPU_MOST, "cores")
    sentence = f"The busiest load worker used {max(shares):.0%} of a core."
    return _ok("generator_cpu", sentence, max(shares), CPU_MOST, "cores")


def _local_errors(tables: RunTables) -> Finding:
    """Ask whether connections failed for reasons of this machine, which the rows blame on the target."""
    found: Counter[str] = Counter()
    for facts in tables.workers.values():
        found.update(facts.get("local_errors") or {})
    if found:
        named = ", ".join(f"{name} {count(times, 'time')}" for name, times in found.most_common())
        return _invalid(
            "local_errors",
            f"This machine itself refused to open connections ({named}), which looks like errors of the target. "
            "Raise its limits (ulimit -n, the range of local ports) or lower --rate.",
            float(found.total()),
            0.0,
            "connections",
        )
    return _ok("local_errors", "No connection failed for a reason of this machine.", 0.0, 0.0, "connections")


def _closed(tables: RunTables) -> Iterator[Finding]:
    """A closed load's throughput, times and users are bound to each other: if they do not fit, rows are missing or late."""
    if tables.plan.load.users is None:
        return
    law = littles_law(tables)
    if law is None:
        yield _unknown("littles_law", "Too few answers came to check Little's law.", LITTLE_MOST, "share")
    elif abs(law.off) > LITTLE_MOST:
        sentence = (
            f"Little's law does not hold: {law.sentence()}. Rows are missing or moved, or the generator was late. "
            "Run it again on a quieter machine."
        )
        yield _invalid("littles_law", sentence, law.off, LITTLE_MOST, "share")
    else:
        yield _ok("littles_law", f"Little's law holds: {law.sentence()}.", law.off, LITTLE_MOST, "share")


def _ledger(tables: RunTables) -> Iterator[Finding]:
    if tables.plan.evidence not in ("full", "unreset"):
        if tables.has_stamps:
            told = "who made each answer, and for which prompt, is known; what else reached the providers is not"
            share = tables.stamped_share
            yield _ok("stamps", f"{share:.1%} of the answers carry a stamp of our providers: {told}.", share)
        return
    gone = [name for name in tables.assembly.missing if name.startswith("attempts-")]
    if gone:
        sentence = f"No stream {', '.join(gone)}, so what reached the providers is not known. Look into logs/ for why."
        yield _invalid("provider_ledger", sentence)
    elif tables.attempts is None:
        sentence = (
            "attempts.parquet is not there any more, so what reached the providers is not known. Put back a copy."
        )
        yield _invalid("provider_ledger", sentence)
    else:
        yield _ok("provider_ledger", "Every provider left its ledger.")


def _fault(tables: RunTables, fault: FaultTimeline) -> Iterator[Finding]:
    """Applied, bit, gone: a fault that was not there proves nothing about who withstood it."""
    stem, what = fault.planned.id, f"{fault.planned.name} on {fault.planned.on}"
    why = f": {fault.failed.rstrip('.')}" if fault.failed else ""
    if fault.acknowledged_ns is None:
        yield _invalid(f"{stem}_applied", f"{what} was never applied{why}. Nothing here says how the target stands it.")
        return
    if fault.failed:
        yield _invalid(f"{stem}_applied", f"{what} was applied and went wrong{why}. Run again.")
        return
    yield _ok(f"{stem}_applied", f"{what} was acknowledged {fault.acknowledged_ns / 1e9:.2f} s into the load.")
    yield _bit(fault, stem, what)
    if fault.cut_short_ns > _CUT_SHORT_NS and tables.record.status == "finished":
        lasted = human_duration(((fault.cleared_ns or 0) - fault.acknowledged_ns) / 1e9)
        yield _invalid(
            f"{stem}_whole",
            f"{what} was cleared {human_duration(fault.cut_short_ns / 1e9)} before its time and was on for {lasted}: somebody said "
            "bench chaos clear. Run again.",
        )
    if fault.cleared_ns is None:
        yield _invalid(
            f"{stem}_cleared",
            f"The end of {what} was never acknowledged. Check that nothing is left: bench chaos clear.",
        )
    elif fault.gone is None:
        yield _invalid(
            f"{stem}_cleared",
            f"No canary proves that {what} was gone afterwards. Look into events.jsonl and run again.",
        )
    elif not fault.gone:
        yield _invalid(
            f"{stem}_cleared",
            f"Canaries after the end of {what} still met trouble, so recovery was not measured. Check the engine: bench doctor.",
        )
    else:
        yield _ok(f"{stem}_cleared", f"Canaries prove that {what} was gone afterwards.")


def _weighed(fault: FaultTimeline, found: Iterable[Finding]) -> Iterator[Finding]:
    """Yield what was found about a fault; of one injected by hand, on which no figure stands, only its end must be proven.

    One on a standing topology may outlast the run.
    """
    lasting = fault.planned.id.startswith("up-")
    for finding in found:
        excused = (
            fault.planned.manual and finding.status == "invalid" and (lasting or not finding.name.endswith("_cleared"))
        )
        yield finding.model_copy(update={"status": "unknown"}) if excused else finding


def _bit(fault: FaultTimeline, stem: str, what: str) -> Finding:
    during = fault.stage("during")
    fidelity = fault.fidelity
    if fault.planned.definition.effect == "ratio" and fidelity is not None:
        said = f"{what} had {fidelity:.2f} of its configured effect"
        if fault.bit:
            return _ok(f"{stem}_bit", f"{said}.", fidelity, FIDELITY_LEAST, "ratio")
        limit = FIDELITY_LEAST if fidelity < 1 else FIDELITY_MOST
        cure = f"{FIDELITY_LEAST} to {FIDELITY_MOST} is allowed. Use a quieter machine or a larger effect."
        return _invalid(f"{stem}_bit", f"{said}; {cure}", fidelity, limit, "ratio")
    if fault.bit:
        met = f"all {len(during)} canaries met it" if during else "the injector says so"
        return _ok(f"{stem}_bit", f"{what} bit: {met}.")
    if fault.bit is None:
        return _invalid(
            f"{stem}_bit", f"No canary proves that {what} had any effect. Look into events.jsonl and run again."
        )
    bad = sorted({canary.met for canary in during if not canary.ok})
    met = (
        f"{sum(not canary.ok for canary in during)} of {len(during)} canaries met {', '.join(bad)} instead"
        if bad
        else "its proof failed"
    )
    return _invalid(f"{stem}_bit", f"{what} did not bite: {met}. Check the engine and the place of the fault.")


def _ok(name: str, sentence: str, measured: float | None = None, limit: float | None = None, unit: str = "") -> Finding:
    return Finding(name=name, status="ok", sentence=sentence, measured=measured, limit=limit, unit=unit)


def _invalid(
    name: str, sentence: str, measured: float | None = None, limit: float | None = None, unit: str = ""
) -> Finding:
    return Finding(name=name, status="invalid", sentence=sentence, measured=measured, limit=limit, unit=unit)


def _unknown(name: str, sentence: str, limit: float | None = None, unit: str = "") -> Finding:
    return Finding(name=name, status="unknown", sentence=sentence, limit=limit, unit=unit)
