"""What `bench chaos status` looks like: what is on where, since when, until when, and what was done."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from rich.markup import escape

from gatebench.cli import say


def clock(unix: float | None) -> str:
    """Return a moment as a clock on the wall shows it."""
    return "–" if unix is None else time.strftime("%H:%M:%S", time.localtime(unix))


def parameters(values: dict[str, Any]) -> str:
    """Return the parameters of a fault that say something: those common to all are left out while they say nothing."""
    silent = {"toxicity": 1, "probability": 1, "route": "", "tenant": "", "model": "", "nth": 0}
    return ", ".join(f"{key}={value}" for key, value in values.items() if silent.get(key) != value)


def proof(row: dict[str, Any]) -> str:
    """Return how sure it is that a fault bites."""
    if row.get("failed"):
        return f"failed: {row['failed']}"
    return {
        True: "proven by its canaries",
        False: "NOT proven: its canaries met something else",
        None: "not proven yet",
    }[row["proven"]]


def sentence(row: dict[str, Any]) -> str:
    """Return in words where one fault stands."""
    what = escape(f"{row['name']} on {row['on']}")
    if row["state"] == "failed":
        return f"{what} failed: {escape(str(row['failed']))}"
    if row["state"] == "over" and row["since_unix"] is None:
        return f"{what} was called off before it came"
    if row["state"] == "over":
        return f"{what} was on from {clock(row['since_unix'])} to {clock(row['ended_unix'])}, {proof(row)}"
    if row["state"] == "to come":
        return f"{what} comes at {clock(row['from_unix'])}"
    return f"{what} is on since {clock(row['since_unix'])} until {clock(row['to_unix'])}, {proof(row)}"


def show_status(rows: Sequence[dict[str, Any]]) -> None:
    """Print what is on and what is to come, run by run."""
    console = say.out()
    if not rows:
        console.print("Nothing runs or stands here, so nothing is on.")
    for row in rows:
        kind = {"run": "a run", "up": "stands", "engine": "a Toxiproxy of somebody else"}[row["kind"]]
        console.print(f"[bold]{escape(row['name'])}[/bold] ({kind})", soft_wrap=True)
        if not row["lives"]:
            console.print("  its harness is dead; `bench chaos clear` clears what it may have left")
            continue
        if "trouble" in row:
            console.print(f"  {escape(row['trouble'])}", soft_wrap=True)
        current = [fault for fault in row["faults"] if fault["state"] in {"on", "to come", "failed"}]
        over = len(row["faults"]) - len(current)
        if not current:
            console.print(f"  nothing is on{f'; {over} faults are over' if over else ''}")
            continue
        for fault in current:
            console.print(f"  {mark(fault)} {sentence(fault)}{_asides(fault)}", soft_wrap=True)


def mark(row: dict[str, Any]) -> str:
    """Return the dot in front of a fault; its colour only repeats what the words say."""
    colour = {"on": "red", "to come": "yellow", "over": "dim", "failed": "magenta"}[row["state"]]
    return f"[{colour}]●[/{colour}]"


def _asides(fault: dict[str, Any]) -> str:
    asides = [f"window {fault['part']}" if fault.get("part") else "", "by hand" if fault.get("manual") else ""]
    said = "; ".join(aside for aside in (*asides, parameters(fault["parameters"])) if aside)
    return f" [dim]({escape(said)})[/dim]" if said else ""


def show_log(entries: Sequence[dict[str, Any]]) -> None:
    """Print the journal."""
    console = say.out()
    for entry in entries:
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry["at_unix"]))
        did = escape(str(entry["did"]))
        told = {key: value for key, value in entry.items() if key not in {"at_unix", "did"}}
        facts = " ".join(f"{key}={value}" for key, value in told.items() if value not in ([], None, ""))
        console.print(f"[dim]{moment}[/dim]  {did}  {escape(facts)}", soft_wrap=True)
