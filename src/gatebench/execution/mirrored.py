"""Faults that were injected into a standing topology while a run drove it: the topology's journal has them, the run copies them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gatebench.run.folder import RunFolder

PREFIX = "up-"


def mirrored(standing: Path, t0_ns: int, until_ns: int) -> Iterator[dict[str, Any]]:
    """Yield the events of the faults that were on between two moments of the monotonic clock, as events of a run.

    `t0_ns` is the run's start of the load, from which planned windows count there.
    """
    events = RunFolder(standing).events()
    began_ns = next((event["at_ns"] for event in events if event["event"] == "topology.ready"), t0_ns)
    for place, planned in enumerate(events):
        if planned["event"] != "fault.planned":
            continue
        fault, own = planned["fault"], _until_next(events[place:])
        on_ns = [event["at_ns"] for event in own if event["event"] == "fault.acknowledged"]
        off_ns = [event["at_ns"] for event in own if event["event"] == "fault.cleared"]
        if not on_ns or on_ns[0] > until_ns or (off_ns and off_ns[0] < t0_ns):
            continue
        for event in own:
            copy = {**event, "fault": f"{PREFIX}{place}-{fault}"}
            if "planned" in event:
                copy["planned"] = {**_moved(event["planned"], began_ns - t0_ns), "id": copy["fault"]}
            yield copy


def _until_next(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the events of the first one's fault, until its id is given to another."""
    own: list[dict[str, Any]] = []
    for event in events:
        if event.get("fault") == events[0]["fault"]:
            if own and event["event"] == "fault.planned":
                break
            own.append(event)
    return own


def _moved(planned: dict[str, Any], by_ns: int) -> dict[str, Any]:
    """Return a planned fault on the clock of another load."""
    steps = [{**step, "at_ns": step["at_ns"] + by_ns} for step in planned["steps"]]
    moved = {key: planned[key] + by_ns for key in ("start_ns", "end_ns")}
    return {**planned, **moved, "steps": steps}
