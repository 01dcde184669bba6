"""Little's law binds a closed load's books together, and breaks when they are wrong."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from gatebench.analysis.closed import littles_law
from gatebench.analysis.ledger import _closed_books
from gatebench.analysis.tables import RunTables
from gatebench.analysis.validity import _closed
from gatebench.plan import Plan
from gatebench.schedule import ThinkTimes, Users
from gatebench.schedule.closed import arrival_of
from tests.planned import MS, Knobs, S, make_plan

USERS = Users(count=20, think="200ms")
START_NS = 5 * S
LENGTH_NS = 20 * S


def closed_plan(load: Users = USERS) -> Plan:
    """Return a plan of 20 s without warm-up, offered by users."""
    made = make_plan(Knobs(warmup_s=0, baseline_s=20, fault_s=0, recovery_s=0))
    return made.model_copy(update={"load": made.load.model_copy(update={"load": load, "duration_ns": LENGTH_NS})})


def played(plan: Plan, response: Callable[[int], int], late_ns: int = 0) -> pd.DataFrame:
    """Play every user: wait for the answer, think as the seed says, ask again `late_ns` after that."""
    rows = []
    for user in range(USERS.count):
        thinking = ThinkTimes(USERS, plan.seed, user)
        due, iteration = START_NS + thinking.before_ns(0), 0
        while due < START_NS + LENGTH_NS:
            done = due + late_ns + response(iteration)
            rows.append((arrival_of(USERS.count, user, iteration), due, done, "ok"))
            iteration += 1
            due = done + thinking.before_ns(iteration)
    return pd.DataFrame(rows, columns=["arrival_id", "due_ns", "done_ns", "outcome"])


def tables(plan: Plan, rows: pd.DataFrame) -> RunTables:
    """Return what littles_law reads of a run."""
    return cast(RunTables, SimpleNamespace(plan=plan, samples=rows, start_ns=START_NS, end_ns=LENGTH_NS))


def status(found: RunTables) -> str:
    """Return what the validity of the run says about it."""
    (finding,) = _closed(found)
    return finding.status


def test_the_law_holds_for_whole_books() -> None:
    """20 users, 50 ms, 200 ms of thinking: X = 20 / 0.25 = 80/s within noise, and N = 20 exactly."""
    plan = closed_plan()
    found = tables(plan, played(plan, lambda _: 50 * MS))
    law = littles_law(found)
    assert law is not None
    assert law.throughput_per_s == pytest.approx(80, rel=0.05)
    assert law.response_s == pytest.approx(0.05, rel=0.02)
    assert abs(law.off) < 1e-9
    assert status(found) == "ok"


def test_lost_rows_break_the_law() -> None:
    """A tenth of the rows missing is a tenth of the users missing."""
    plan = closed_plan()
    rows = played(plan, lambda _: 50 * MS)
    found = tables(plan, rows[np.arange(len(rows)) % 10 != 0])
    law = littles_law(found)
    assert law is not None
    assert law.off == pytest.approx(-0.1, abs=0.03)
    assert status(found) == "invalid"


def test_a_generator_that_forgets_its_users_breaks_the_law() -> None:
    """Users who are served 40 ms later than they are due, with a clock that does not show it, are fewer by the law."""
    plan = closed_plan()
    rows = played(plan, lambda _: 50 * MS, late_ns=40 * MS)
    rows["done_ns"] -= 40 * MS  # as if the wait had not been there
    assert status(tables(plan, rows)) == "invalid"


@pytest.mark.parametrize("seed", range(20))
def test_a_short_run_of_slow_thinkers_is_no_defect(seed: int) -> None:
    """The law is an identity: few cycles, cut at both ends, make it no noisier."""
    plan = closed_plan().model_copy(update={"seed": seed})
    plan = plan.model_copy(update={"load": plan.load.model_copy(update={"duration_ns": 2 * S})})
    rows = played(plan, lambda number: (30 + 40 * (number % 3)) * MS)
    found = cast(RunTables, SimpleNamespace(plan=plan, samples=rows, start_ns=START_NS, end_ns=2 * S))
    law = littles_law(found)
    assert law is not None
    assert abs(law.off) < 1e-9


def test_a_tail_that_is_lost_breaks_the_law_and_the_books() -> None:
    """Three users whose rows end half-way: the law lacks them, and the books name what each should have asked next."""
    plan = closed_plan()
    rows = played(plan, lambda _: 50 * MS)
    cut = (rows["arrival_id"] % USERS.count < 3) & (rows["due_ns"] > START_NS + LENGTH_NS // 2)
    found = tables(plan, rows[~cut].assign(ordinal=0))
    assert status(found) == "invalid"
    books = _closed_books(found, USERS, found.samples)
    assert len(books.missing) == 3
    whole = tables(plan, rows.assign(ordinal=0))
    assert len(_closed_books(whole, USERS, whole.samples).missing) == 0


def test_a_request_that_came_when_nobody_had_thought_to_the_end_is_named() -> None:
    """One due time moved by a millisecond is an imbalance."""
    plan = closed_plan()
    rows = played(plan, lambda _: 50 * MS).assign(ordinal=0)
    rows.loc[rows.index[30], "due_ns"] += MS
    found = tables(plan, rows)
    assert _closed_books(found, USERS, rows).shifted.tolist() == [rows["arrival_id"].iloc[30]]


def test_too_few_cycles_are_unknown() -> None:
    """Nobody can tell from a handful of answers."""
    plan = closed_plan()
    rows = played(plan, lambda _: 50 * MS)
    assert status(tables(plan, rows[:5])) == "unknown"


def test_an_open_load_is_not_asked() -> None:
    """The law is one of closed loads."""
    plan = make_plan(Knobs())
    nothing: Any = pd.DataFrame()
    assert littles_law(tables(plan, nothing)) is None
    assert list(_closed(tables(plan, nothing))) == []
