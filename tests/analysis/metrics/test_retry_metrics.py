"""Retries: budgets, useless ones, their pauses and their tails; each metric red and green, and unknown just below its least."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gatebench.analysis.metrics.retry_storm import is_another
from gatebench.analysis.tables import RunTables
from tests.analysis.crafted import Asked, Tried, craft, measured, shown

BUDGET = {"retries": {"retries": 2, "ratio": 0.1, "reserve": 10}}


def again(due_s: float, *, pause_ms: float = 20, times: int = 1, status: int = 503, elsewhere: bool = False) -> Asked:
    """A request that fails at provider-a and is tried again, there or elsewhere, until it is served."""
    tried, at_s = [], due_s
    for number in range(times):
        tried.append(Tried("provider-a", at_s, 5, status))
        at_s += (5 + pause_ms * 2**number) / 1e3
    tried.append(Tried("provider-b" if elsewhere else "provider-a", at_s))
    return Asked(due_s, (at_s - due_s) * 1e3 + 41, tried=tried)


def served(due_s: float) -> Asked:
    """A request that is served at once."""
    return Asked(due_s, tried=[Tried("provider-a", due_s + 0.0005)])


def run(special: list[Asked], **facts: Any) -> RunTables:
    """Return 30 s of 20 requests a second, and the special ones among them."""
    usual = [served(number / 20) for number in range(600)]
    return craft(sorted([*usual, *special], key=lambda one: one.due_s), declared=BUDGET, **facts)


def test_ratios() -> None:
    """Failovers and repeats are further attempts; only repeats are paid from a budget."""
    tables = run([*(again(9 + number / 10) for number in range(20)), again(12.0, elsewhere=True)])
    assert measured(tables, "retry_ratio").value == pytest.approx(21 / 621)
    assert measured(tables, "repeat_ratio").value == pytest.approx(20 / 621)
    assert measured(tables, "retry_ratio", "baseline").value == 0
    assert len(shown(tables, "repeat_ratio")) == 20


def test_budget_excess() -> None:
    """Ten saved up and three more a second: 12 repeats within 1.2 s are within it, a hundred in two seconds are not."""
    assert measured(run([again(9 + number / 10) for number in range(12)]), "retry_budget_excess").value == 0
    tables = run([again(9 + number / 50) for number in range(100)])
    found = measured(tables, "retry_budget_excess")
    assert found.value == pytest.approx(100 - 10 - 0.1 * 140, abs=1.5)  # 40 usual requests in those two seconds
    assert "100 repeats" in found.why
    assert measured(craft([served(9.0)], declared=BUDGET), "retry_budget_excess").status == "unknown"
    undeclared = craft([again(9 + number / 50) for number in range(100)])
    assert "nobody declares" in measured(undeclared, "retry_budget_excess").why


def refused(due_s: float, *, tried_again: bool) -> Asked:
    """A request that provider-a calls wrong; it may be tried elsewhere all the same."""
    tried = [Tried("provider-a", due_s, 2, 400)]
    if tried_again:
        tried.append(Tried("provider-b", due_s + 0.01, 2, 400))
    return Asked(due_s, 4, 400, tried=tried)


def test_retries_after_a_refusal() -> None:
    """A 400 that is passed on is right; one that is tried elsewhere is one useless attempt."""
    right = run([refused(9 + number / 10, tried_again=False) for number in range(20)])
    assert measured(right, "retries_after_refusal").value == 0
    wrong = run([refused(9 + number / 10, tried_again=number < 3) for number in range(20)])
    assert measured(wrong, "retries_after_refusal").value == 3
    assert measured(wrong, "useless_retries").value == 3
    assert len(shown(wrong, "retries_after_refusal")) == 3
    few = run([refused(9 + number / 10, tried_again=True) for number in range(19)])
    assert "needs 20 requests that a provider refuses; here are 19" in measured(few, "retries_after_refusal").why
    assert measured(run([again(9 + number / 10) for number in range(20)]), "useless_retries").value == 0


def told(due_s: float, wait_s: float) -> Asked:
    """A request that provider-a rejects for a second, and that is sent there again after `wait_s`."""
    first = Tried("provider-a", due_s, 2, 429, more={"fault": "f1"})
    second = Tried("provider-a", due_s + 0.002 + wait_s)
    return Asked(due_s, wait_s * 1e3 + 45, tried=[first, second])


def test_retries_before_retry_after() -> None:
    """Who comes back after a second obeys, who comes back after 0.3 s does not; going elsewhere breaks no rule."""
    fault = {"parameters": {"retry_after_s": 1.0}}
    patient = run([told(9 + number / 10, 1.0) for number in range(20)], fault=fault)
    assert measured(patient, "retries_before_retry_after").value == 0
    hasty = run([told(9 + number / 10, 0.3 if number < 5 else 1.2) for number in range(20)], fault=fault)
    assert measured(hasty, "retries_before_retry_after").value == 5
    away = [told(9 + number / 10, 0.01) for number in range(20)]
    for one in away:
        one.tried = [one.tried[0], Tried("provider-b", one.due_s + 0.01)]
    assert measured(run(away, fault=fault), "retries_before_retry_after").value == 0
    assert measured(run(away), "retries_before_retry_after").status == "unknown"  # nobody gave a time


def broken(due_s: float, *, tried_again: bool) -> Asked:
    """A stream that breaks off 20 ms after its first token; it may be begun anew elsewhere."""
    first = {"first_token_ns": 1, "tokens_out": 8}
    tried = [Tried("provider-a", due_s, 30, 200, "dropped", more=first)]
    if tried_again:
        tried.append(Tried("provider-b", due_s + 0.035))
    more = {"first_byte_ns": 5_000_000_000_000 + round((due_s + 0.01) * 1e9)}
    return Asked(due_s, 80, 200, "" if tried_again else "error", tried=tried, more=more)


def test_retries_after_the_first_byte() -> None:
    """An answer that broke off is passed on as it is; one that is begun anew is seen."""
    right = run([broken(9 + number / 10, tried_again=False) for number in range(20)])
    assert measured(right, "retries_after_first_byte").value == 0
    wrong = run([broken(9 + number / 10, tried_again=number < 2) for number in range(20)])
    assert measured(wrong, "retries_after_first_byte").value == 2
    assert measured(wrong, "useless_retries").value == 2


def test_attempts_after_the_client_left() -> None:
    """A client that gives up after 100 ms: an attempt at 90 ms is in time, one at 200 ms is for nobody."""

    def left(due_s: float, second_s: float) -> Asked:
        tried = [Tried("provider-a", due_s, 80, 503), Tried("provider-a", due_s + second_s)]
        return Asked(due_s, 100, 0, "timeout", tried=tried)

    kept = run([left(9 + number / 10, 0.09) for number in range(20)])
    assert measured(kept, "attempts_after_client_left").value == 0
    missed = run([left(9 + number / 10, 0.2) for number in range(20)])
    assert measured(missed, "attempts_after_client_left").value == 20
    assert measured(run([left(9.0, 0.2)]), "attempts_after_client_left").status == "unknown"


def test_pauses() -> None:
    """Pauses of 20 ms and then 40 ms double and are not spread; drawn evenly from 0 to 100 ms they have full jitter."""
    fixed = run([again(9 + number / 5, times=2) for number in range(30)])
    assert measured(fixed, "retry_pause_p50_ms").value == pytest.approx(20, abs=0.01)
    assert measured(fixed, "retry_growth").value == pytest.approx(2, abs=0.01)
    assert measured(fixed, "retry_jitter").value == pytest.approx(0, abs=0.01)
    random = np.random.default_rng(2)
    drawn = run([again(9 + number / 20, pause_ms=float(random.uniform(0, 100))) for number in range(150)])
    assert measured(drawn, "retry_jitter").value == pytest.approx(1, abs=0.3)
    assert "second retries of a request; here are 0" in measured(drawn, "retry_growth").why
    assert measured(run([again(9.0)]), "retry_jitter").status == "unknown"


def test_synchrony() -> None:
    """Retries that all wait for the next half second come in crowds."""
    spread = run([again(9 + number / 20) for number in range(100)])
    assert measured(spread, "retry_synchrony").value == pytest.approx(1, abs=0.2)
    ticking = run([again(9 + n / 20, pause_ms=500 - ((n * 50 + 5) % 500)) for n in range(100)])
    assert (measured(ticking, "retry_synchrony").value or 0) > 3


def test_the_tail_of_the_retries() -> None:
    """Retries until 3 s after the fault: the tail is 3 s long; none after it, 0; to the end, more than could be seen."""
    during = [again(9 + number / 10) for number in range(20)]
    assert measured(run(during), "amplification_tail_s").value == 0
    longer = run([*during, *(again(18 + number / 10) for number in range(29))])
    assert measured(longer, "amplification_tail_s").value == 3
    for_ever = run([again(18 + number / 10) for number in range(120)])
    assert measured(for_ever, "amplification_tail_s").status == "censored"


def steady(bad: tuple[float, float], after_per_s: int = 150) -> list[Asked]:
    """Return 30 s of 150 requests a second, those in between failing."""
    due = [number / 150 for number in range(2700)] + [18 + number / after_per_s for number in range(12 * after_per_s)]
    return [Asked(at, 5, 503) if bad[0] <= at < bad[1] else served(at) for at in due]


def test_metastable() -> None:
    """Who is well again at t1 is not metastable, who never is at the same load is; other loads and open ends tell nothing."""
    assert measured(craft(steady((8, 18))), "metastable").value == 0
    assert measured(craft(steady((8, 30))), "metastable").value == 1
    assert "another after the fault" in measured(craft(steady((8, 18), 200)), "metastable").why
    assert "not proven" in measured(craft(steady((8, 18)), cleared=False), "metastable").why


def test_hedging() -> None:
    """A slow first attempt that is called off once the second answers: extra load, and a tail that is cut."""

    def hedge(due_s: float) -> Asked:
        slow = Tried("provider-a", due_s, 110, end="cancelled", more={"fault": "f1"})
        return Asked(due_s, 112, tried=[slow, Tried("provider-b", due_s + 0.06, 50)])

    def slow(due_s: float) -> Asked:
        return Asked(due_s, 545, tried=[Tried("provider-a", due_s, 540, more={"fault": "f1"})])

    fault = {"on": "provider-a"}
    facts: dict[str, Any] = {"fault": fault, "effect": "ratio", "attempts_visible": True}
    cut = run([hedge(9 + number / 10) for number in range(40)], **facts)
    assert measured(cut, "hedge_share").value == pytest.approx(40 / 640)
    delay_ms = float(cut.plan.faults[0].parameters["latency"])  # the least that a hit attempt would have taken: 200 ms
    assert measured(cut, "hedge_tail_cut_p99").value == pytest.approx(1 - 112 / delay_ms, abs=0.02)
    uncut = run([slow(9 + number / 10) for number in range(40)], **facts)
    assert measured(uncut, "hedge_share").value == 0
    assert measured(uncut, "hedge_tail_cut_p99").status == "unknown"
    assert len(shown(cut, "hedge_share")) == 40


@pytest.mark.parametrize(
    "name", ["retry_ratio", "repeat_ratio", "retry_budget_excess", "useless_retries", "hedge_share", "retry_jitter"]
)
def test_without_a_ledger_it_is_unknown(name: str) -> None:
    """Nobody who does not see attempts counts retries."""
    tables = craft([served(number / 10) for number in range(200)], plan={"evidence": "no-ledger"})
    assert measured(tables, name).status == "unknown"


@pytest.mark.parametrize(
    ("usual", "now", "another"),
    [(1000, 1000, False), (1000, 1100, False), (870, 990, False), (1000, 1300, True), (1000, 700, True), (0, 10, True), (9, 0, True),
     (100_000, 109_000, False), (100_000, 112_000, True), (100_000, 88_000, True)],
)  # fmt: skip
def test_chance_makes_no_other_load(usual: int, now: int, another: bool) -> None:
    """A tenth more or less is the same load, and with few requests what chance does to them is."""
    assert is_another(usual, 5.0, now, 5.0) is another
