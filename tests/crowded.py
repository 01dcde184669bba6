"""Puts many faults into a run folder that holds one: a flap, a ramp, and two windows that somebody put on by hand."""

from __future__ import annotations

import json
from typing import Any

from gatebench.run.folder import RunFolder
from tests.planned import LOAD_START_NS, MS, S

FLAPS = 12
RAMP_MS = (20, 80, 140, 200)
LATENCY = {
    "description": "Every chunk through the link waits.",
    "layer": "link",
    "mechanism": "toxic.latency",
    "live_connections": "untouched",
    "attempts_visible": True,
    "effect": "ratio",
    "proof": {"expect": "delay", "samples": 3, "parameter": "latency"},
    "parameters": {"latency": {"default": 200, "unit": "ms", "doc": "added", "minimum": 0}},
}


def crowd(folder: RunFolder, *, proven: bool = True, flaps: int = FLAPS, unproven_flap: int = 0) -> RunFolder:
    """Add the faults between the first and the fifteenth second of the load; the ramp is not proven if `proven` is False, nor is
    the window of the flap that is named.

    The windows of the flap are 500 ms long and begin each second from 1 s on, and the engine takes 100 ms to begin each.
    """
    record = json.loads((folder.path / "run.json").read_text())
    (first,) = record["plan"]["faults"]
    windows = [
        first
        | {"id": f"w{n}", "name": "link-down", "part": f"{n} of {flaps}", "chaos": "shaky"}
        | {"start_ns": n * S, "end_ns": n * S + 500 * MS}
        for n in range(1, flaps + 1)
    ]
    ramp = _latency("r1", 9 * S, 13 * S, RAMP_MS[-1]) | {"phase": first["phase"], "chaos": "shaky"}
    ramp["steps"] = [{"at_ns": (9 + n) * S, "parameters": {"latency": value}} for n, value in enumerate(RAMP_MS)]
    record["plan"]["faults"] = [first, *windows, ramp]
    (folder.path / "run.json").write_text(json.dumps(record))
    for n, fault in enumerate(windows, start=1):
        _walk(folder, fault, late_ns=100 * MS, proven=n != unproven_flap)
    _walk(folder, ramp, proven=proven)
    for n, value in enumerate(RAMP_MS[1:], start=1):
        at_ns = LOAD_START_NS + (9 + n) * S + 5 * MS
        folder.event("fault.changed", at_ns, fault="r1", parameters={"latency": value})
    for n in (1, 2):
        hand = _latency(f"m{n}", 3 * n * S, 3 * n * S + S, 120) | {"phase": "baseline", "manual": True}
        folder.event("fault.planned", LOAD_START_NS + 3 * n * S, planned=hand)
        _walk(folder, hand)
    return folder


def _latency(name: str, start_ns: int, end_ns: int, value: int) -> dict[str, Any]:
    return {
        "id": name, "name": "latency", "on": "provider-b", "start_ns": start_ns, "end_ns": end_ns,
        "parameters": {"latency": value}, "definition": LATENCY,
    }  # fmt: skip


def _walk(folder: RunFolder, fault: dict[str, Any], *, late_ns: int = 2 * MS, proven: bool = True) -> None:
    """Write the six times of a fault, and its fidelity."""
    times = [
        ("requested", fault["start_ns"], {}),
        ("acknowledged", fault["start_ns"] + late_ns, {}),
        ("proven" if proven else "unproven", fault["start_ns"] + late_ns + 20 * MS, {"fidelity": 1 if proven else 3}),
        ("clear_requested", fault["end_ns"], {}),
        ("cleared", fault["end_ns"] + 2 * MS, {}),
        ("proven_clear", fault["end_ns"] + 8 * MS, {}),
    ]
    for what, at_ns, facts in times:
        folder.event(f"fault.{what}", LOAD_START_NS + at_ns, fault=fault["id"], **facts)
