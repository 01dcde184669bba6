"""What somebody needs to repeat the run elsewhere: versions, machine, settings, and the command line."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gatebench.analysis.report.words import duration, moment, seconds
from gatebench.analysis.tables import RunTables
from gatebench.run.folder import RunRecord


def stopped(tables: RunTables | None) -> str:
    """Return when a stop condition ended the run, how far into its plan; empty when none did. The reasons say why."""
    found = next((event for event in tables.events if event.get("event") == "stop.condition"), None) if tables else None
    if tables is None or found is None:
        return ""
    at_s, planned_s = (int(found["at_ns"]) - tables.start_ns) / 1e9, tables.plan.load.duration_ns / 1e9
    return f"after {seconds(at_s)} of {duration(planned_s)}"


def facts(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested facts as (name, text) pairs, names joined by dots; None is "not known"."""
    found = []
    for name, value in values.items():
        path = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            found += facts(value, f"{path} · ")
        elif isinstance(value, list | tuple):
            found.append((path, ", ".join(str(part) for part in value) or "none"))
        else:
            found.append((path, "not known" if value is None else str(value)))
    return found


def command(record: RunRecord) -> str:
    """Return the command line that makes this run again: as it was given, its seed fixed."""
    words = list(record.command)
    if words and not any(word == "--seed" or word.startswith("--seed=") for word in words):
        words += ["--seed", str(record.plan.seed)]
    return shlex.join(words)


def when(record: RunRecord) -> str:
    """Return the beginning of the run as a reader writes dates: 20 November 2026, 23:45 UTC."""
    try:
        moment = datetime.fromisoformat(record.created).astimezone(UTC)
    except ValueError:
        return record.created
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def load(record: RunRecord) -> str:
    """Return the load in words."""
    plan = record.plan.load
    return f"{plan.load.sentence()}, {duration(plan.duration_ns / 1e9)}{_lanes(record)}"


def _lanes(record: RunRecord) -> str:
    lanes = record.plan.lanes
    return f", dealt to the lanes {', '.join(lanes)}" if len(lanes) > 1 else ""


def target(record: RunRecord) -> str:
    """Return the target in words: its name, its profile, its version."""
    plan = record.plan.target
    name = plan.url or plan.name
    if plan.profile != "default":
        name += f" ({plan.profile})"
    version = record.topology.get("target_version") or record.provenance.get("target_version")
    return f"{name} {version}" if version else f"{name}, version not known"


def engine(record: RunRecord) -> str:
    """Return the engine that carried the links, in words."""
    found = record.provenance.get("engine")
    version = found.get("version") if isinstance(found, Mapping) else None
    kind = {"embedded": "embedded", "toxiproxy": "Toxiproxy", "url": "Toxiproxy server"}[record.plan.engine.kind]
    return f"{kind} {version}" if version else kind


def workers(record: RunRecord) -> list[dict[str, str]]:
    """Return the load workers: where each ran, with what, and how well its clock is known."""
    return [
        {
            "worker": str(worker.worker),
            "place": f"{worker.place}, host {worker.host or 'not known'}",
            "versions": f"gatebench {worker.gatebench}, Python {worker.python}, Locust {worker.locust}",
            "clock": "the run's own" if worker.clock.same else f"offset {_ms(worker.clock.offset_ns)}",
            "wrong by at most": _ms(worker.clock.error_ns),
            "drift": "none" if worker.clock.same else _ms(worker.clock.drift_ns),
            "quickest round trip": _ms(worker.clock.before.round_trip_ns if worker.clock.before else None),
        }
        for worker in record.workers
    ]


def _ms(time_ns: int | None) -> str:
    return "not known" if time_ns is None else f"{time_ns / 1e6:.3f} ms"


def events(tables: RunTables) -> list[dict[str, str]]:
    """Return every event of the run, its moment counted from the start of the load, its facts as one text."""
    return [
        {
            "at": moment((int(event["at_ns"]) - tables.start_ns) / 1e9),
            "event": str(event.get("event", "")),
            "facts": ", ".join(
                _fact(name, value) for name, value in event.items() if name not in ("at_ns", "event", "t0_ns")
            ),
        }
        for event in tables.events
    ]


def _fact(name: str, value: Any) -> str:
    if name.endswith("_ns") and isinstance(value, int | float):
        return f"{name.removesuffix('_ns')} {seconds(value / 1e9)}"
    return f"{name.replace('_', ' ')} { ({True: 'yes', False: 'no'}[value] if isinstance(value, bool) else value) }"
