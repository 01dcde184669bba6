"""The books of a run: what was scheduled, what became of every arrival, and whether both ends of the wire agree.

The schedule is computed again from the plan, so a row that is missing, doubled or due at another time than planned
cannot hide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from gatebench.analysis.closed import visits_by_user
from gatebench.analysis.columns import is_any, parts, tally, values_of
from gatebench.analysis.locust_books import agreement, apart, locust_counts
from gatebench.analysis.tables import RunTables
from gatebench.analysis.wording import count
from gatebench.run.summary import Ledger
from gatebench.sample import CAUSES
from gatebench.schedule import ThinkTimes, Users, share
from gatebench.schedule.closed import arrival_of

_OURS: Final = ("load", "warmup")
_UNSENT: Final = ("pool", "generator", "stopped", "task")
_NAMED: Final = 5
_DENSE: Final = 8
Ids: TypeAlias = "npt.NDArray[np.int64] | npt.NDArray[np.uint32] | npt.NDArray[np.uint16]"
_DUE_SLACK_NS: Final = 1_000
_EDGE_NS: Final = 100_000_000  # whoever was due as the load ended, or was stopped, may or may not have asked


@dataclass(frozen=True)
class Books:
    """Which arrivals are wrong, by id, before they are counted."""

    scheduled: npt.NDArray[np.int64]
    missing: npt.NDArray[np.int64]
    doubled: npt.NDArray[np.int64]
    strange: npt.NDArray[np.int64]
    gaps: npt.NDArray[np.int64]
    shifted: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Attempts:
    """Both ends joined; every number is None where there is no ledger."""

    total: int | None = None
    joined: int | None = None
    foreign: int | None = None
    answers_joined: int | None = None
    answers_unjoined: int | None = None
    ghosts: int = 0
    resends: int | None = None


def balance(tables: RunTables) -> Ledger:
    """Return the books, each imbalance named in `sentences`."""
    rows = tables.samples[is_any(values_of(tables.samples, "kind"), _OURS)]
    books = _books(tables, rows)
    outcome, cause = values_of(rows, "outcome"), values_of(rows, "cause")
    counts = {name: _number(outcome, name) for name in ("ok", "rejected", "error", "timeout", "in_flight")}
    left = is_any(outcome, ("unsent",))
    unsent = {name: int((left & is_any(cause, (name,))).sum()) for name in _UNSENT}
    attempts = _attempts(tables, rows)
    locusts = tables.plan.load.locustfile is not None
    sentences = [*_imbalances(books), *_attempt_sentences(attempts), *(apart(tables, rows) if locusts else ())]
    scheduled = len(books.scheduled)
    further = int((values_of(rows, "ordinal") > 0).sum())
    sent = sum(counts.values())
    off = scheduled + further - sent - sum(unsent.values())
    if off and not locusts:
        more = f" and {further} further requests were asked for" if further else ""
        sentences.append(
            f"{scheduled} requests were due{more}, but {sent} were sent and {sum(unsent.values())} were not: "
            f"{abs(off)} apart."
        )
    balances = not sentences
    if balances:
        sentences = [agreement(tables, rows) if locusts else _balance(scheduled, further)]
    return Ledger(
        scheduled=scheduled,
        sent=sent,
        unsent_pool=unsent["pool"],
        unsent_generator=unsent["generator"],
        unsent_stopped=unsent["stopped"],
        unsent_task=unsent["task"],
        further=further,
        **counts,
        missing=max(0, off) if locusts else len(books.missing),
        doubled=len(books.doubled),
        balances=balances,
        causes={name: rows_of for name in CAUSES if name and (rows_of := _number(cause, name))},
        attempts=attempts.total,
        attempts_joined=attempts.joined,
        attempts_foreign=attempts.foreign,
        answers_joined=attempts.answers_joined,
        answers_unjoined=attempts.answers_unjoined,
        client_resends=attempts.resends,
        sentences=sentences + _notes(attempts),
    )


def _number(values: Any, word: str) -> int:
    return int(np.count_nonzero(is_any(values, (word,))))


def _balance(scheduled: int, further: int) -> str:
    if not further:
        return f"{count(scheduled, 'arrival')} due, and every one of them has exactly one row."
    return (
        f"{count(scheduled, 'arrival')} due, and every one of them has a row; their tasks made {further} further "
        f"request{'' if further == 1 else 's'}, each with a row of its own."
    )


def _books(tables: RunTables, rows: pd.DataFrame) -> Books:
    """Compare the rows with the schedule."""
    plan = tables.plan
    if plan.load.locustfile is not None:
        return _locust_books(tables, rows)
    if plan.load.users is not None:
        return _closed_books(tables, plan.load.users, rows)
    due_ns = tables.due_ns
    arrivals, ordinals = values_of(rows, "arrival_id"), values_of(rows, "ordinal")
    begun = ordinals == 0
    first = arrivals[begun] if not begun.all() else arrivals
    scheduled = _scheduled(tables, due_ns, arrivals[begun & is_any(values_of(rows, "cause"), ("stopped",))])
    missing = _beyond(scheduled, first)
    return Books(
        scheduled=scheduled,
        missing=missing,
        doubled=_doubled(arrivals, ordinals),
        strange=_beyond(arrivals, scheduled),
        gaps=np.setdiff1d(_with_gaps(arrivals, ordinals), missing),
        shifted=_shifted(tables, rows) if tables.record.clock.load_start_ns is not None else np.empty(0, np.int64),
    )


def _beyond(ids: Ids, known: Ids) -> npt.NDArray[np.int64]:
    """Return the ids that are not among those known, each once, in order, as `np.setdiff1d` does without sorting them all."""
    if not len(ids) or int(ids.max()) > _DENSE * (len(ids) + len(known)):
        return np.setdiff1d(ids, known).astype(np.int64)
    asked = np.zeros(int(ids.max()) + 1, np.bool_)
    asked[ids] = True
    asked[known[known < len(asked)]] = False
    return np.flatnonzero(asked)


def _doubled(arrivals: Ids, ordinals: Ids) -> npt.NDArray[np.int64]:
    """Return the arrivals of rows beyond the first of their request."""
    dense = len(arrivals) and not ordinals.any() and int(arrivals.max()) <= _DENSE * len(arrivals)
    if dense and int(tally(arrivals, int(arrivals.max()) + 1).max()) == 1:
        return np.empty(0, np.int64)
    pairs = pd.MultiIndex.from_arrays([arrivals.astype(np.int64), ordinals.astype(np.int64)])
    return arrivals[np.asarray(pairs.duplicated())].astype(np.int64)


def _shifted(tables: RunTables, rows: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the arrivals that were due at another time than scheduled; a later request is due when its task asks for it."""
    names = ("arrival_id", "ordinal", "due_ns", "worker")
    arrivals, ordinals, row_due_ns, workers = (values_of(rows, name) for name in names)
    due_ns, found = tables.due_ns, []
    for part in parts(len(rows)):
        known = (arrivals[part] < len(due_ns)) & (ordinals[part] == 0)
        own = arrivals[part][known]
        wanted = due_ns[own] + tables.start_ns
        off = np.abs(row_due_ns[part][known] - wanted) > _due_slack_ns(tables, workers[part][known])
        found.append(own[off].astype(np.int64))
    return np.concatenate(found) if found else np.empty(0, np.int64)


def _closed_books(tables: RunTables, users: Users, rows: pd.DataFrame) -> Books:
    """Compare the rows of closed users with the story that the seed tells of each.

    A user's requests are numbered without a gap; each is due a think time after the answer before it; and whoever had
    thought to the end before the load was over has asked again.
    """
    arrivals = rows["arrival_id"].to_numpy(np.int64)
    pairs = pd.MultiIndex.from_arrays([arrivals, rows["ordinal"].to_numpy(np.int64)])
    wanted: list[int] = []
    shifted: list[int] = []
    for user, visits in visits_by_user(tables).items():
        thinking = ThinkTimes(users, tables.plan.seed, user)
        due_ns: int | None = thinking.before_ns(0)
        before = -1
        for visit in visits:
            arrival = arrival_of(users.count, user, visit.iteration)
            if visit.iteration == before + 1 and due_ns is not None and abs(visit.due_ns - due_ns) > _DUE_SLACK_NS:
                shifted.append(arrival)
            wanted += [arrival_of(users.count, user, number) for number in range(before + 1, visit.iteration + 1)]
            before = visit.iteration
            due_ns = None if visit.done_ns is None else visit.done_ns + thinking.before_ns(before + 1)
        if due_ns is not None and due_ns < tables.end_ns - _EDGE_NS:
            wanted.append(arrival_of(users.count, user, before + 1))
    scheduled = np.unique(np.array(wanted, dtype=np.int64))
    nothing = np.empty(0, np.int64)
    return Books(
        scheduled=scheduled,
        missing=np.setdiff1d(scheduled, arrivals),
        doubled=arrivals[np.asarray(pairs.duplicated())],
        strange=nothing,
        gaps=nothing,
        shifted=np.array(shifted, dtype=np.int64),
    )


def _due_slack_ns(tables: RunTables, workers: npt.NDArray[np.uint16]) -> npt.NDArray[np.int64]:
    """Return by how much each row's due time may miss the schedule.

    A worker with a clock of its own walks the schedule on that clock; translated back, its due times move by as much as
    the clock drifted.
    """
    slack = np.full(max([tables.plan.load.workers, *(int(worker) + 1 for worker in workers[-1:])]), _DUE_SLACK_NS)
    for record in tables.record.workers:
        if record.worker < len(slack) and not record.clock.same:
            slack[record.worker] += record.clock.error_ns + abs(record.clock.drift_ns or 0)
    return slack[np.minimum(workers, len(slack) - 1)]


def _locust_books(tables: RunTables, rows: pd.DataFrame) -> Books:
    """Locust has no schedule: what should have a row is what its own statistics counted."""
    counted = locust_counts(tables)
    arrivals = rows["arrival_id"].to_numpy(np.int64)
    nothing = np.empty(0, np.int64)
    return Books(
        scheduled=np.arange(len(rows) if counted is None else int(counted["requests"])),
        missing=nothing,
        doubled=arrivals[np.asarray(rows["arrival_id"].duplicated())],
        strange=nothing,
        gaps=nothing,
        shifted=nothing,
    )


def _with_gaps(arrivals: Ids, ordinals: Ids) -> npt.NDArray[np.int64]:
    """Return the arrivals whose requests are not numbered 0, 1, 2, … without a gap."""
    if not ordinals.any():
        return np.empty(0, np.int64)
    pairs = pd.DataFrame({"arrival": arrivals, "ordinal": ordinals}).drop_duplicates()
    by_arrival = pairs.groupby("arrival")["ordinal"].agg(["max", "size"])
    return by_arrival.index[by_arrival["max"] + 1 != by_arrival["size"]].to_numpy(np.int64)


def _scheduled(tables: RunTables, due_ns: npt.NDArray[np.int64], stopped: Ids) -> npt.NDArray[np.int64]:
    """Return the arrivals that should have a row: all, or what was due before each worker was stopped.

    A worker gives rows to arrivals that it could not send any more when it was stopped; those were due too.
    """
    workers = tables.plan.load.workers
    expected = []
    for worker in range(workers):
        own = share(due_ns, worker, workers)
        stopped_ns = tables.workers.get(worker, {}).get("stopped_ns")
        if stopped_ns is not None:
            own = own[due_ns[own] <= int(stopped_ns) - tables.start_ns]
        expected.append(own)
    wanted = np.zeros(len(due_ns), np.bool_)
    for sure in (*expected, stopped[stopped < len(due_ns)]):
        wanted[sure] = True
    return np.flatnonzero(wanted)


def _attempts(tables: RunTables, rows: pd.DataFrame) -> Attempts:
    """Join the providers' rows to the clients', by request id and by stamp."""
    if tables.attempts is None:
        return Attempts(resends=_written_twice(tables))
    asked = tables.attempts[~is_any(values_of(tables.attempts, "kind"), ("canary",))]
    if tables.plan.load.locustfile is not None:
        return Attempts(total=len(asked))
    joined = int((values_of(asked, "sample") >= 0).sum())
    answers = rows[is_any(values_of(rows, "outcome"), ("ok",))]
    stamped = answers[answers["provider"].notna()]
    found = int((values_of(stamped, "made_by") >= 0).sum())
    return Attempts(
        total=len(asked),
        joined=joined,
        foreign=len(asked) - joined,
        answers_joined=found,
        answers_unjoined=len(answers) - found,
        ghosts=len(stamped) - found,
        resends=_resends(tables, asked),
    )


def _resends(tables: RunTables, asked: pd.DataFrame) -> int | None:
    """Return how many requests the client put on the wire more than once, by its own count and by what arrived.

    Arrivals tell on a direct path only: at a gateway its own retries look the same.
    """
    target = tables.plan.target
    direct = target.url is None and target.definition is not None and not target.definition.process
    arrived = int((asked.loc[asked["sample"] >= 0, "seen"] > 1).sum()) if direct else None
    known = [number for number in (_written_twice(tables), arrived) if number is not None]
    return max(known) if known else None


def _written_twice(tables: RunTables) -> int | None:
    """Return by how many the client wrote more requests than it was given; None when not every worker lived to say."""
    checks = [tables.workers.get(worker, {}).get("resend_check") for worker in range(tables.plan.load.workers)]
    if not all(isinstance(check, dict) for check in checks):
        return None
    return sum(max(0, int(check["requests_written"]) - int(check["requests_handed_over"])) for check in checks if check)


def _imbalances(books: Books) -> list[str]:
    said = (
        (books.missing, "that {was} due {has} no row"),
        (books.doubled, "{has} a row too many"),
        (books.strange, "{has} a row but {was} not due"),
        (books.gaps, "{has} a gap between {its} requests"),
        (books.shifted, "{was} due at another time than the schedule says"),
    )
    return [
        f"{count(len(ids), 'arrival')} {what.format(**_verbs(len(ids)))}: {_names(ids)}."
        for ids, what in said
        if len(ids)
    ]


def _attempt_sentences(attempts: Attempts) -> list[str]:
    found = []
    if attempts.ghosts:
        verb = "names" if attempts.ghosts == 1 else "name"
        found.append(f"The stamps of {count(attempts.ghosts, 'answer')} {verb} an attempt that no ledger holds.")
    if attempts.resends:
        found.append(f"The client put {count(attempts.resends, 'request')} on the wire more than once.")
    return found


def _verbs(number: int) -> dict[str, str]:
    if number == 1:
        return {"was": "was", "has": "has", "its": "its"}
    return {"was": "were", "has": "have", "its": "their"}


def _notes(attempts: Attempts) -> list[str]:
    """Return what is worth knowing of the join, though it is no imbalance."""
    if attempts.total is None:
        return ["There is no ledger of the providers."]
    if attempts.joined is None:
        return [
            f"{count(attempts.total, 'attempt')} at our providers; Locust's requests carry no id, so none is joined."
        ]
    notes = [f"{attempts.joined} of {attempts.total} attempts at our providers name a request of ours."]
    unstamped = (attempts.answers_unjoined or 0) - attempts.ghosts
    if unstamped:
        notes.append(f"No stamp on {count(unstamped, 'ok answer')}: the target made or changed what it answered.")
    return notes


def _names(arrivals: npt.NDArray[np.int64]) -> str:
    """Return the first ids, and that there are more."""
    shown = ", ".join(str(arrival) for arrival in arrivals[:_NAMED])
    return f"{shown}, …" if len(arrivals) > _NAMED else shown
