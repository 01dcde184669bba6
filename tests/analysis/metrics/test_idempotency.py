"""Copies of one request: what was executed, replayed, refused and released, each red once and green once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from gatebench.analysis.metrics import idempotency
from gatebench.analysis.metrics.integrity import requests_lost
from gatebench.analysis.metrics.registry import Measured, Scope
from gatebench.traffic import Route
from gatebench.traffic.generator import OTHERS
from tests.analysis.conftest import Reading
from tests.analysis.handmade import Played, scope_of
from tests.planned import MS

COPIES = Route(name="chat", copies=3, idempotency_key=True)
WINDOW = {"idempotency": {"window": "2s"}}
REFUSED = {"outcome": "error", "cause": "status", "status": 409}
REUSED = {"outcome": "error", "cause": "status", "status": 422}
FAILED = {"outcome": "error", "cause": "status", "status": 503}
NOBODY: tuple[dict[str, object], ...] = ()


def executed_once(key: int, first: int, *, keyed: bool = True) -> list[Played]:
    """The first copy is executed, the second refused meanwhile, the third gets the first one's answer."""
    return [
        Played(key=key, body=key, keyed=keyed),
        Played(REFUSED, NOBODY, key=key, body=key, keyed=keyed),
        Played({"due_ns": 10**15 + first * MS}, NOBODY, by=first, key=key, body=key, keyed=keyed),
    ]


def groups(of: Callable[[int, int], Iterable[Played]], count: int = 20) -> list[Played]:
    """Return so many groups; `of` is told the number of the group and of the attempt that comes next."""
    found: list[Played] = []
    for key in range(count):
        found += of(key, sum(len(one.attempts) for one in found))
    return found


def measured(metric: Callable[[Scope], Measured], healthy: Reading, played: list[Played]) -> Measured:
    """Return what a metric finds in these requests."""
    return metric(scope_of(healthy.tables, played, route=COPIES, declared=WINDOW))


def test_each_key_is_executed_once(healthy: Reading) -> None:
    """Twenty keys of three copies, one execution each: 1; refusals and replays are no executions."""
    scope = scope_of(healthy.tables, groups(executed_once), route=COPIES)
    assert idempotency.executions_per_key(scope).value == 1.0
    assert idempotency.executions_per_key(scope).n == 20
    assert idempotency.executions_per_key_max(scope).value == 1.0
    assert idempotency.replays_differ(scope).value == 0.0
    assert idempotency.refused_after_answer(scope).value == 0.0
    assert idempotency.keys_unanswered(scope).value == 0.0
    assert idempotency.executed_again(scope).empty


def test_a_copy_that_is_refused_is_not_lost(healthy: Reading) -> None:
    """Whether anything was lost cannot be told from copies; of requests that stand for themselves it can."""
    copies = requests_lost(scope_of(healthy.tables, groups(executed_once), route=COPIES, phase="baseline"))
    assert (copies.status, "keys_unanswered" in copies.why) == ("unknown", True)
    single = requests_lost(scope_of(healthy.tables, [Played(FAILED, NOBODY), Played()], phase="baseline"))
    assert single.value == 1.0


def test_a_second_execution_is_seen(healthy: Reading) -> None:
    """One key of twenty is executed twice and answers with both: 21 ÷ 20, and the key is the evidence."""
    played = groups(executed_once)
    played[-1] = Played(key=19, body=19)
    scope = scope_of(healthy.tables, played, route=COPIES)
    assert idempotency.executions_per_key(scope).value == 21 / 20
    assert idempotency.executions_per_key_max(scope).value == 2.0
    assert idempotency.replays_differ(scope).value == 1.0
    assert set(idempotency.executed_again(scope)["key"]) == {19}
    assert set(idempotency.answered_apart(scope)["key"]) == {19}


def test_a_failed_attempt_is_no_execution(healthy: Reading) -> None:
    """A dropped attempt and the one that made up for it are one execution."""

    def with_failover(key: int, first: int) -> list[Played]:
        return [Played(attempts=({"end": "dropped"}, {}), key=key, body=key)]

    assert measured(idempotency.executions_per_key, healthy, groups(with_failover)).value == 1.0


def test_too_few_keys_are_unknown(healthy: Reading) -> None:
    """Nineteen keys say how many they are; none says that nothing was sent in copies."""
    few = measured(idempotency.executions_per_key, healthy, groups(executed_once, 19))
    assert (few.status, few.why) == ("unknown", "it takes 20 executed keys; here were 19")
    none = measured(idempotency.executions_per_key, healthy, [Played() for _ in range(30)])
    assert none.why == "no request of this scope was sent in copies"


def test_an_answer_is_replayed_to_whom_it_was_made_for(healthy: Reading) -> None:
    """Two tenants use a key: each executes it once, or the second gets what was made for the first."""

    def own(key: int, first: int) -> list[Played]:
        mine = Played({"tenant": "tenant-0"}, key=key, body=key)
        return [mine, Played({"tenant": "tenant-1"}, key=key + OTHERS, body=key)]

    def shared(key: int, first: int) -> list[Played]:
        mine = Played({"tenant": "tenant-0"}, key=key, body=key)
        return [mine, Played({"tenant": "tenant-1"}, NOBODY, by=first, key=key + OTHERS, body=key)]

    green, red = (measured(idempotency.replays_across_tenants, healthy, groups(each)) for each in (own, shared))
    assert (green.value, green.n) == (0.0, 20)
    assert (red.value, red.n) == (20.0, 20)
    few = measured(idempotency.replays_across_tenants, healthy, groups(shared, 19))
    assert few.status == "unknown"
    assert measured(idempotency.replays_across_tenants, healthy, groups(executed_once)).status == "unknown"


def test_a_reused_key_must_not_be_accepted(healthy: Reading) -> None:
    """Another body under the key is refused: 0. Answered, whoever made the answer: as many as there are answers."""

    def refused(key: int, first: int) -> list[Played]:
        return [Played(key=key), Played({**REUSED, "due_ns": 10**15}, NOBODY, key=key)]

    def executed(key: int, first: int) -> list[Played]:
        return [Played(key=key), Played({"due_ns": 10**15}, key=key)]

    def replayed(key: int, first: int) -> list[Played]:
        return [Played(key=key), Played({"due_ns": 10**15}, NOBODY, by=first, key=key)]

    assert measured(idempotency.key_reuse_accepted, healthy, groups(refused)).value == 0.0
    assert measured(idempotency.key_reuse_named, healthy, groups(refused)).value == 1.0
    for wrong in (executed, replayed):
        assert measured(idempotency.key_reuse_accepted, healthy, groups(wrong)).value == 20.0
        assert measured(idempotency.key_reuse_named, healthy, groups(wrong)).value == 0.0
    # groups whose copies differ are no keys that must be executed once
    assert measured(idempotency.executions_per_key, healthy, groups(executed)).status == "unknown"


def test_a_copy_that_comes_after_the_answer_gets_it(healthy: Reading) -> None:
    """409 is right while the first copy is in progress, and wrong when its answer has arrived."""

    def too_late(key: int, first: int) -> list[Played]:
        return [Played(key=key, body=key), Played({**REFUSED, "due_ns": 10**15}, NOBODY, key=key, body=key)]

    scope = scope_of(healthy.tables, groups(too_late), route=COPIES)
    assert idempotency.refused_after_answer(scope).value == 20.0
    assert set(idempotency.refused_late(scope)["status"]) == {409}


def test_a_failed_execution_releases_its_key(healthy: Reading) -> None:
    """The first copy fails; the next one is executed: released. It is refused although nothing is in progress: locked."""

    def released(key: int, first: int) -> list[Played]:
        failed = Played(FAILED, ({"end": "error", "status": 503},), key=key, body=key)
        return [failed, Played({"due_ns": 10**15}, key=key, body=key)]

    def stuck(key: int, first: int) -> list[Played]:
        failed = Played(FAILED, ({"end": "error", "status": 503},), key=key, body=key)
        return [failed, Played({**REFUSED, "due_ns": 10**15}, NOBODY, key=key, body=key)]

    assert measured(idempotency.keys_locked, healthy, groups(released)).value == 0.0
    assert measured(idempotency.keys_locked, healthy, groups(stuck)).value == 20.0
    assert measured(idempotency.keys_unanswered, healthy, groups(stuck)).value == 20.0
    assert measured(idempotency.keys_locked, healthy, groups(executed_once)).status == "unknown"


def test_a_key_across_an_edge_is_not_taken_for_unanswered(healthy: Reading) -> None:
    """A copy of the last key stands in no phase: that the other one was refused says nothing."""

    def refused(key: int, first: int) -> list[Played]:
        return [Played(REFUSED, NOBODY, key=key, body=key) for _ in range(2)]

    played = groups(executed_once, 20) + refused(20, 20)
    within = scope_of(healthy.tables, played, route=COPIES)
    assert idempotency.keys_unanswered(within).value == 1.0
    across = replace(within, rows=within.rows.iloc[:-1])
    assert idempotency.keys_unanswered(across).value == 0.0
    assert idempotency.keys_unanswered(across).n == 20
    assert idempotency.unanswered(across).empty


def test_copies_without_a_key_within_the_window(healthy: Reading) -> None:
    """Once within the window: 1; twice: 2. What is sent after it may be executed again, and a key is another matter."""

    def once(key: int, first: int) -> list[Played]:
        return [
            Played(key=key, body=key, keyed=False),
            Played(attempts=NOBODY, by=first, key=key, body=key, keyed=False),
        ]

    def twice(key: int, first: int) -> list[Played]:
        return [Played(key=key, body=key, keyed=False) for _ in range(2)]

    def later(key: int, first: int) -> list[Played]:
        return [Played({"due_ns": at}, key=key, body=key, keyed=False) for at in (10**15, 10**15 + 2_001 * MS)]

    assert measured(idempotency.executions_per_window, healthy, groups(once)).value == 1.0
    assert measured(idempotency.executions_per_window, healthy, groups(twice)).value == 2.0
    assert measured(idempotency.executions_per_window, healthy, groups(later)).status == "unknown"
    assert measured(idempotency.executions_per_window, healthy, groups(executed_once)).status == "unknown"
    undeclared = scope_of(healthy.tables, groups(once), route=COPIES)
    assert idempotency.executions_per_window(undeclared).why == "the target declares no dedup window"
