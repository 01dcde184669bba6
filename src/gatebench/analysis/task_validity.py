"""May a run of the user's own code be believed? What its tasks raised, and what a locustfile's run cannot know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gatebench.analysis.tables import RunTables
from gatebench.analysis.wording import count
from gatebench.run.summary import Finding, Ledger

_MOST_NAMED: Final = 5


def task_findings(tables: RunTables) -> Iterator[Finding]:
    """Yield what is to say of tasks: a finding for each kind of exception, or one that there was none."""
    said = [facts for facts in tables.workers.values() if "task_errors" in facts]
    if not said:
        return
    raised = _merged(said)
    for one in raised[:_MOST_NAMED]:
        times = "once" if one["count"] == 1 else f"{one['count']} times"
        yield Finding(
            name="tasks",
            status="invalid",
            sentence=(
                f"{one['task']} raised {one['exception'].rstrip('.')} at {one['where']}, {times}: what it would have asked for "
                "next is missing. Correct the file and run again; the first traceback stands in parts/load-*.json."
            ),
            measured=float(one["count"]),
            limit=0.0,
            unit="exceptions",
        )
    if len(raised) > _MOST_NAMED:
        more = f"{count(len(raised) - _MOST_NAMED, 'further kind')} of exceptions"
        yield Finding(name="tasks", status="invalid", sentence=f"Tasks raised {more}. See parts/load-*.json.")
    if not raised:
        silent, cut = (sum(int(facts.get(name, 0)) for facts in said) for name in ("tasks_silent", "tasks_cut"))
        notes = [f"{count(silent, 'arrival')} asked for nothing"] if silent else []
        if cut:
            notes.append(f"{count(cut, 'task')} still ran at the end and {'was' if cut == 1 else 'were'} cut")
        if silent and not (tables.samples["outcome"] != "unsent").any():
            sentence = "No task asked for anything, so nothing was measured. Have tasks ask through self.client."
            yield Finding(name="tasks", status="invalid", sentence=sentence)
            return
        sentence = f"No task raised an exception{'; ' if notes else ''}{'; '.join(notes)}."
        yield Finding(name="tasks", status="ok", sentence=sentence, measured=0.0, limit=0.0, unit="exceptions")


def locust_findings(tables: RunTables, ledger: Ledger) -> Iterator[Finding]:
    """Yield the questions to our own side that a locustfile's run answers otherwise than an open load does."""
    if ledger.sent == 0:
        yield Finding(
            name="sent",
            status="invalid",
            sentence="Locust's users made no request at all. Look into logs/load-0.log, or lengthen --run-time.",
            measured=0.0,
            unit="requests",
        )
    else:
        yield Finding(
            name="sent",
            status="ok",
            sentence=f"Locust's users made {count(ledger.sent, 'request')}.",
            measured=float(ledger.sent),
            unit="requests",
        )
    yield Finding(
        name="dispatch_delay",
        status="unknown",
        sentence="Locust's users have no schedule, so nobody knows when a request should have been sent.",
        unit="ms",
    )


def _merged(said: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the exceptions of all workers, those of one kind and place together, the most frequent first."""
    kinds: dict[tuple[str, str], dict[str, Any]] = {}
    for facts in said:
        for one in facts["task_errors"]:
            key = (one["task"], one["where"])
            known = kinds.setdefault(key, {**one, "count": 0})
            known["count"] += one["count"]
    return sorted(kinds.values(), key=lambda one: -int(one["count"]))
