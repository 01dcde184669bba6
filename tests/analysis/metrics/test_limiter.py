"""The metrics of a limiter: green for one that does what it declares, red for each that does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatebench.oracles.limiter.limit import Limit, limit_of
from gatebench.oracles.limiter.model import Model
from gatebench.sample import NO_WORD, REJECTED
from tests.limited import DECLARED, PROBE, Gateway, Limited, at_random, honest, limited_run
from tests.planned import LOAD_START_NS, S
from tests.simulated import Answer, Try

BUCKET = Limit("token-bucket", 10, S, 20)
Play = Callable[..., Limited]


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Play a gateway and read its run."""

    def played(gateway: Gateway, *more: Any, **knobs: Any) -> Limited:
        root: Path = tmp_path_factory.mktemp("limited")
        return Limited(limited_run(root, gateway, *more, **knobs))

    return played


@pytest.fixture(scope="module")
def correct(play: Play) -> Limited:
    """A correct token bucket with a probe beside the load."""
    return play(honest(BUCKET), probed=True)


def generous(share: int, gateway: Gateway) -> Gateway:
    """Return the gateway, which admits each `share`-th of those whom it would refuse."""
    refused = 0

    def decide(tenant: int, at_ns: int) -> int | None:
        nonlocal refused
        says = gateway(tenant, at_ns)
        refused += says is not None
        return None if says is not None and refused % share == 0 else says

    return decide


def says(seconds: int, gateway: Gateway) -> Gateway:
    """Return the gateway with another Retry-After."""
    return lambda tenant, at_ns: None if gateway(tenant, at_ns) is None else seconds


def test_a_correct_gateway_is_green(correct: Limited) -> None:
    """Nothing beyond the limit, nothing refused below it, everybody has what is theirs."""
    assert correct.known("over_admission_requests") == 0
    assert correct.known("over_admission_share") == 0
    assert correct.known("false_rejects") == 0
    assert correct.known("under_admission_requests") <= 1
    assert correct.known("quota_error_requests") <= 1
    assert correct.known("fairness_jain") > 0.999
    assert correct.known("legitimate_rejected_share") == 0
    assert correct.known("victim_goodput_ratio", "fault") == pytest.approx(1.0)
    assert correct.known("retry_after_honesty") == 1
    assert correct.known("retry_after_bias_s") == 0
    assert 1 <= correct.known("edge_burst") <= 3
    assert "allows 3" in correct("edge_burst").why
    shown = correct("over_admission_requests").shown
    assert shown is not None
    assert shown.high < 1


@pytest.mark.parametrize(
    "declared",
    [
        {"algorithm": "gcra", "rate": 10, "burst": 20},
        {"algorithm": "sliding-log", "rate": 10},
        {"algorithm": "sliding-counter", "rate": 10},
        {"algorithm": "fixed-window", "rate": 10},
        {"algorithm": "fixed-window", "rate": 50, "period": "5s"},
    ],
    ids=lambda declared: f"{declared['algorithm']}-{declared['rate']}",
)
def test_every_algorithm_is_green_for_its_own(play: Play, declared: dict[str, Any]) -> None:
    """Red only when it admits each thirtieth of those whom it should refuse."""
    limit = limit_of(declared)
    assert limit is not None
    right, wrong = play(honest(limit), declared), play(generous(30, honest(limit)), declared)
    assert right.known("over_admission_requests") == 0
    assert right.known("false_rejects") == 0
    assert right.known("under_admission_requests") <= 2
    assert wrong.known("over_admission_requests") >= 5
    assert wrong.known("over_admission_share") > 0.01


def test_two_percent_too_many(play: Play) -> None:
    """Of about 530 refused 10 are admitted: 10 of 329."""
    found = play(generous(48, honest(BUCKET)))
    assert found.known("over_admission_requests") == pytest.approx(10, abs=1)
    assert found.known("over_admission_share") == pytest.approx(0.03, abs=0.004)
    assert found.known("false_rejects") == 0
    assert "tenant-0" in found("over_admission_requests").why


def test_a_fixed_window_sold_as_a_sliding_log(play: Play) -> None:
    """Bursts of up to twice the limit within a period are seen by both numbers."""
    found = play(honest(Limit("fixed-window", 10, S)), {"algorithm": "sliding-log", "rate": 10})
    assert found.known("over_admission_requests") > 5
    assert found.known("edge_burst") > 1.2


def test_a_limiter_that_forgets(play: Play) -> None:
    """At 15 s it begins anew: a full bucket more, in the phase in which that happened and in no other."""
    before, after = honest(BUCKET), honest(BUCKET)
    found = play(lambda tenant, at_ns: (before if at_ns < LOAD_START_NS + 15 * S else after)(tenant, at_ns))
    assert found.known("over_admission_requests") == pytest.approx(19.5, abs=1.2)
    assert found.known("over_admission_requests", "fault") == pytest.approx(19.5, abs=1.2)
    assert found.known("over_admission_requests", "baseline") == 0
    assert found.known("over_admission_requests", "recovery") == pytest.approx(0, abs=0.05)
    assert found.offenders("over_admission_requests") > 0


def test_false_rejections(play: Play) -> None:
    """Two in a hundred of those who have room are refused: nearly all of those are found, and what is missing."""
    found = play(at_random(0.05, honest(BUCKET)))
    assert found.known("false_rejects") >= 5
    assert found.known("over_admission_requests") == 0
    assert found.known("legitimate_rejected_share") > 0.02
    assert found.offenders("false_rejects") == found.known("false_rejects")


def test_a_starved_tenant(play: Play) -> None:
    """The last of five tenants gets nothing from 10 s on: it is missing everywhere where it should be."""
    usual = honest(BUCKET)

    def starving(tenant: int, at_ns: int) -> int | None:
        return 1 if tenant == 4 and at_ns > LOAD_START_NS + 10 * S else usual(tenant, at_ns)

    found = play(starving)
    assert found.known("fairness_jain", "fault") < 0.85
    assert "tenant-4" in found("fairness_jain", "fault").why
    assert found.known("victim_goodput_ratio", "fault") < 0.85
    assert found.known("under_admission_requests") > 20
    assert found.known("false_rejects") > 20
    assert found.known("over_admission_requests") == 0


@pytest.mark.parametrize(("seconds", "late"), [(0, False), (5, True)])
def test_a_lie_in_retry_after(play: Play, seconds: int, late: bool) -> None:
    """Too early: who comes back is refused again. Too late: they get in, and could have long before."""
    found = play(says(seconds, honest(BUCKET)), probed=True)
    if late:
        assert found.known("retry_after_honesty") == 1
        assert found.known("retry_after_bias_s") == 4
        assert "too late" in found("retry_after_bias_s").why
    else:
        assert found.known("retry_after_honesty") < 0.5
        assert 0 < found.known("retry_after_bias_s") < 0.2
    assert found.known("false_rejects") == 0


def test_tiers(play: Play) -> None:
    """Each tenant has the quota of its tier; a gateway that gives everybody the first tier's is off by a lot."""
    declared = {**DECLARED, "tiers": "free=10/10s,pro=100/10s,unlimited"}
    tiers = ("pro", "free", "unlimited")
    limits = [limit_of(declared, tiers[tenant % 3]) for tenant in range(6)]
    gateways = [honest(limit) if limit else None for limit in limits]

    def tiered(tenant: int, at_ns: int) -> int | None:
        gateway = gateways[tenant]
        return gateway(tenant, at_ns) if gateway else None

    right, wrong = play(tiered, declared, tiers=tiers), play(honest(BUCKET), declared, tiers=tiers)
    assert right.known("quota_error_requests") <= 1
    assert right.known("over_admission_requests") == 0
    assert right.known("false_rejects") == 0
    assert wrong.known("quota_error_requests") > 20
    assert wrong.known("over_admission_requests") > 5


def test_a_429_of_a_provider_is_not_the_limiters(play: Play) -> None:
    """It carries the provider's stamp, or a provider saw the request: the limiter had admitted it."""

    def bend(answers: list[Answer], _: list[Try]) -> None:
        there = [answer for answer in answers if answer.row["outcome"] == 0 and answer.row["tenant"] == 2]
        for answer in there[:10]:
            answer.row |= {"outcome": REJECTED, "cause": 1, "status": 429}
        for answer in there[5:10]:
            answer.row |= {"provider": NO_WORD["u1"]}

    found = play(honest(BUCKET), bend=bend)
    assert found.known("false_rejects") == 0
    assert found.known("under_admission_requests") <= 1


def test_nothing_is_said_without_a_declaration(play: Play) -> None:
    """Unknown, with the reason; and nothing of Retry-After where nobody asked."""
    found = play(lambda tenant, at_ns: None, {"algorithm": "off", "rate": 10})
    for name in ("over_admission_requests", "false_rejects", "fairness_jain", "edge_burst", "quota_error_requests"):
        assert found(name).status == "unknown"
        assert "declares" in found(name).why
    assert "reactive" in found("retry_after_honesty").why


def test_nonsense_that_is_declared_is_said(play: Play) -> None:
    """In words, not as a defect of ours."""
    found = play(lambda tenant, at_ns: None, {"algorithm": "leaky", "rate": 10})
    assert "cannot be understood" in found("over_admission_requests").why


def test_moments_that_nobody_knows_prove_nothing(play: Play) -> None:
    """When answers take a second and no provider's arrival is known, a pass would be a guess."""

    def bend(answers: list[Answer], tries: list[Try]) -> None:
        tries.clear()
        for answer in answers:
            if answer.row["outcome"] == 0:
                answer.row |= {"first_byte_ns": answer.row["sent_ns"] + S, "done_ns": answer.row["sent_ns"] + S}

    judged = play(honest(BUCKET), bend=bend)("over_admission_requests").judged
    assert judged is not None
    assert judged.low == 0
    assert judged.high > 5


@pytest.mark.parametrize("opens", [True, False])
def test_a_faulty_store(play: Play, opens: bool) -> None:
    """Open admits all, closed nobody; and a limiter that comes back with a full budget again and again is seen."""
    usual, fresh = honest(BUCKET), dict[int, Model]()

    def decide(tenant: int, at_ns: int) -> int | None:
        since_s = (at_ns - LOAD_START_NS) / S
        if 10 <= since_s < 20:
            return None if opens else 1
        if since_s >= 20 and opens:
            model = fresh.setdefault(tenant * 100 + int(since_s), BUCKET.model())
            if not model.room(at_ns):
                return 1
            model.take(at_ns)
            return None
        return usual(tenant, at_ns)

    found = play(decide, store_fault=True)
    assert found.known("store_fault_admitted_share") == pytest.approx(1.0 if opens else 0.0, abs=0.01)
    assert found.known("store_fault_p99_ms") < 100 if opens else found("store_fault_p99_ms").status
    after = found.known("over_admission_after")
    assert after > 50 if opens else after == 0


def test_a_fault_elsewhere_is_no_store_fault(play: Play) -> None:
    """Unknown, and it says so."""
    found = play(honest(BUCKET), store_fault=True)
    assert found("store_fault_admitted_share").status == "known"
    assert PROBE == 5


def test_concurrency(play: Play) -> None:
    """A place too many is seen, and nobody is blamed who keeps within the limit."""
    declared = {"algorithm": "concurrency", "rate": 1}
    busy: dict[int, int] = {}

    def one_at_a_time(tenant: int, at_ns: int) -> int | None:
        if busy.get(tenant, 0) > at_ns:
            return 1
        busy[tenant] = at_ns + 20_000_000
        return None

    right, wrong = play(one_at_a_time, declared), play(lambda tenant, at_ns: None, declared)
    assert right.known("over_admission_requests") == 0
    assert wrong.known("over_admission_requests") > 20
    assert right("edge_burst").status == "unknown"
