"""Books of arrivals with several requests, of tasks that asked for nothing, and of locustfiles: green, and red when bent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gatebench.analysis.derived import Cuts, label_rows
from gatebench.analysis.ledger import balance
from gatebench.analysis.metrics import measure
from gatebench.analysis.tables import RunTables
from gatebench.analysis.validity import findings
from gatebench.plan import Plan
from gatebench.run.summary import Finding, Ledger
from gatebench.schedule import Locustfile
from tests.analysis.conftest import Reading

RAISED = {"task": "A.a", "exception": "KeyError: 'x'", "where": "users.py:7", "count": 3, "traceback": "Traceback"}


def with_samples(tables: RunTables, samples: pd.DataFrame, **more: Any) -> RunTables:
    """Return the tables with other samples, in order of time."""
    ordered = samples.sort_values(["due_ns", "arrival_id", "ordinal"], ignore_index=True)
    return replace(tables, samples=ordered, attempts=None, **more)


def further(tables: RunTables, every: int = 2) -> pd.DataFrame:
    """Return samples in which every second arrival asked twice, the second time a moment after its first answer."""
    again = tables.samples[tables.samples["arrival_id"] % every == 0].copy()
    again["ordinal"] = np.uint16(1)
    later = again["done_ns"] - again["due_ns"] + 1_000
    for column in ("due_ns", "sent_ns", "done_ns"):
        again[column] += later
    return pd.concat([tables.samples, again], ignore_index=True)


def facts(tables: RunTables, **more: Any) -> Mapping[int, Mapping[str, Any]]:
    """Return the workers' facts with further ones."""
    return {number: {**found, **more} for number, found in tables.workers.items()}


def found(tables: RunTables, name: str) -> list[Finding]:
    """Return the findings of that name."""
    return [finding for finding in findings(tables, balance(tables)) if finding.name == name]


def test_further_requests_balance(healthy: Reading) -> None:
    """scheduled + further = sent + unsent; the arrivals are those of the schedule."""
    tables = with_samples(healthy.tables, further(healthy.tables))
    books, before = balance(tables), healthy.ledger
    assert books.balances, books.sentences
    assert books.scheduled == before.scheduled
    assert books.further == len(tables.samples) - before.scheduled > 0
    assert books.scheduled + books.further == books.sent
    assert f"their tasks made {books.further} further requests" in books.sentences[0]


@pytest.mark.parametrize(
    ("arrival", "ordinal", "new", "words"),
    [
        (4, 1, 2, "1 arrival has a gap between its requests: 4."),
        (4, 0, None, "1 arrival that was due has no row: 4."),
        (5, 0, 1, "1 arrival that was due has no row: 5."),
        (4, 1, 0, "1 arrival has a row too many: 4."),
    ],
    ids=["a gap", "no first one", "only a second one", "two first ones"],
)
def test_ordinals_that_do_not_add_up(healthy: Reading, arrival: int, ordinal: int, new: int | None, words: str) -> None:
    """Every arrival has a row 0, and no number is left out or there twice."""
    samples = further(healthy.tables)
    place = (samples["arrival_id"] == arrival) & (samples["ordinal"] == ordinal)
    assert place.sum() == 1
    if new is None:
        samples = samples[~place]
    else:
        samples.loc[place, "ordinal"] = np.uint16(new)
    books = balance(with_samples(healthy.tables, samples))
    assert not books.balances
    assert words in books.sentences


def test_a_task_that_asked_for_nothing_is_unsent_and_no_answer_of_the_target(healthy: Reading) -> None:
    """It is in the books under its own name, and in no headline metric."""
    samples = healthy.tables.samples.copy()
    silent = samples["arrival_id"].isin((407, 408))  # after the warm-up
    samples["outcome"] = samples["outcome"].astype(str).mask(silent, "unsent")
    samples["cause"] = samples["cause"].astype(str).mask(silent, "task")
    samples.loc[silent, "sent_ns"] = -1
    tables = with_samples(healthy.tables, samples)
    books = balance(tables)
    assert books.balances, books.sentences
    assert (books.unsent_task, books.sent) == (2, books.scheduled - 2)
    assert healthy.tables.load["arrival_id"].isin((407, 408)).sum() == 2
    assert not tables.load["arrival_id"].isin((407, 408)).any()


def test_lateness_is_judged_on_first_requests(healthy: Reading) -> None:
    """A task's later requests are never late: ten times as many of them would hide that every hundredth arrival is."""
    samples = healthy.tables.samples.copy()
    late = samples["arrival_id"] % 50 == 0
    samples.loc[late, "dispatch_ms"] = 500.0
    again = [samples.assign(ordinal=np.uint16(number), dispatch_ms=0.01) for number in range(1, 11)]
    tables = with_samples(healthy.tables, pd.concat([samples, *again], ignore_index=True))
    (delay,) = found(tables, "dispatch_delay")
    assert (delay.status, delay.measured) == ("invalid", 500.0)


def test_what_tasks_raised_makes_the_run_invalid(healthy: Reading) -> None:
    """Each kind is named with its line and how often, all workers together; without any, there is an ok."""
    assert found(healthy.tables, "tasks") == []
    quiet = replace(healthy.tables, workers=facts(healthy.tables, task_errors=[], tasks_silent=0, tasks_cut=2))
    (finding,) = found(quiet, "tasks")
    assert (finding.status, finding.sentence) == (
        "ok", "No task raised an exception; 2 tasks still ran at the end and were cut.",
    )  # fmt: skip
    workers = {
        0: {**healthy.tables.workers[0], "task_errors": [RAISED]},
        1: {"task_errors": [RAISED, {**RAISED, "where": "users.py:9"}]},
    }
    two = found(replace(healthy.tables, workers=workers), "tasks")
    assert [finding.status for finding in two] == ["invalid", "invalid"]
    assert two[0].sentence.startswith("A.a raised KeyError: 'x' at users.py:7, 6 times: ")
    assert two[1].sentence.startswith("A.a raised KeyError: 'x' at users.py:9, 3 times: ")


def locusts(healthy: Reading, *, known: int = 1, requests: int = 0, failures: int = 0, names: int = 0) -> RunTables:
    """Return the tables as those of a locustfile; the numbers are by how much Locust's own counts are off."""
    tables = healthy.tables
    load = Locustfile(file="x.py", classes=("A",), users=2, spawn_rate=1, run_time="9s")
    plan: Plan = tables.plan.model_copy(
        update={"load": tables.plan.load.model_copy(update={"load": load}), "evidence": "closed", "request_id": "none"}
    )
    samples = tables.samples
    counted = {
        "requests": len(samples) + requests,
        "failures": int((samples["outcome"] != "ok").sum()) + failures,
        "by_name": {"chat": len(samples) + names},
    }
    return replace(
        tables,
        record=tables.record.model_copy(update={"plan": plan}),
        workers=facts(tables, locust=counted, task_errors=[]) if known else {},
    )


def test_a_locustfile_that_agrees_with_locust(healthy: Reading) -> None:
    """What Locust counted is what the rows are: one number for both, and the attempts are counted without a join."""
    books = balance(locusts(healthy))
    assert books.balances, books.sentences
    assert books.scheduled == books.sent == len(healthy.tables.samples)
    assert books.attempts_joined is None
    assert books.sentences[0] == f"Locust counted {books.sent} requests, and every one of them has exactly one row."
    assert "carry no id" in books.sentences[1]


@pytest.mark.parametrize(
    ("off", "words"),
    [
        ({"requests": 2, "names": 2}, "requests, but the rows"),
        ({"requests": -1, "names": -1}, "requests, but the rows"),
        ({"failures": 1}, "failures, but the rows"),
        ({"names": 1}, "differ by name: chat"),
    ],
)
def test_a_locustfile_that_does_not(healthy: Reading, off: dict[str, Any], words: str) -> None:
    """More or fewer requests, other failures, or the same number under other names: invalid, with both numbers."""
    tables = locusts(healthy, **off)
    books = balance(tables)
    assert not books.balances
    assert words in books.sentences[0]
    assert books.missing == max(0, off.get("requests", 0))
    assert found(tables, "books")[0].status == "invalid"


def test_a_locust_that_did_not_live_to_say(healthy: Reading) -> None:
    """Its count is unknown, which the sentence says; other findings tell that it was lost."""
    assert "did not live to say" in balance(locusts(healthy, known=0)).sentences[0]


def test_what_a_locustfile_cannot_know_is_unknown(healthy: Reading) -> None:
    """No schedule: the offered rate and our own delay are unknown, not 0 and not invalid."""
    tables = locusts(healthy)
    (delay,) = found(tables, "dispatch_delay")
    assert delay.status == "unknown"
    assert found(tables, "local_errors") == []
    status = {value.name: value.status for value in measure(tables) if value.phase is None and value.route is None}
    assert status["offered_rate_per_s"] == status["duplicate_execution"] == status["silent_truncation"] == "unknown"
    assert status["sent_rate_per_s"] == "known"
    none = replace(tables, samples=tables.samples.iloc[:0])
    empty = Ledger.model_validate({**balance(tables).model_dump(), "sent": 0})
    assert [finding.status for finding in findings(none, empty) if finding.name == "sent"] == ["invalid"]


def test_what_is_asked_after_the_end_belongs_to_the_last_phase(healthy: Reading) -> None:
    """A user in the middle of something when the time is over asks on: those requests are in no gap between phases."""
    tables = healthy.tables
    last = tables.windows[-1].name
    samples = tables.samples[["due_ns", "done_ns", "ordinal"]].tail(2).copy()
    samples[["due_ns", "done_ns"]] += 60_000_000_000
    for ordinal, own_pace, labels in ((0, False, {"transition"}), (1, False, {last}), (0, True, {last})):
        samples["ordinal"] = np.uint16(ordinal)
        label_rows(samples, tables.windows, Cuts((), ()), tables.start_ns, tables.end_ns, own_pace=own_pace)
        assert set(samples["label"]) == labels
