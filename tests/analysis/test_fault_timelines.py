"""What became of a fault, from events alone: its times, its proof, and the sentence about it."""

from __future__ import annotations

from typing import Any

import pytest

from gatebench.analysis.faults import FaultTimeline, timelines
from tests.planned import MS, Knobs, S, make_plan

START_NS = 1_000 * S


def timeline(*events: tuple[float, str, dict[str, Any]], **knobs: Any) -> FaultTimeline:
    """Return the timeline of the one planned fault; events are (seconds into the load, name, facts)."""
    lines = [
        {"at_ns": START_NS + round(at_s * S), "event": name, "fault": "f1", **facts} for at_s, name, facts in events
    ]
    return timelines(make_plan(Knobs(**knobs)), lines, START_NS)[0]


def canary(
    stage: str, ok: bool = True, took_ms: float = 5.0, expected: str = "eof"
) -> tuple[float, str, dict[str, Any]]:
    """Return the event of one canary."""
    facts = {"stage": stage, "pooled": False, "expected": expected, "met": expected if ok else "answer", "ok": ok}
    return 14.0, "canary", {**facts, "took_ns": round(took_ms * MS)}


def test_times_are_seconds_of_the_load() -> None:
    """The six times are counted from the start of the load, and t1 is the first clearing, not a later repetition."""
    found = timeline(
        (13.0, "fault.requested", {}),
        (13.1, "fault.acknowledged", {}),
        (13.2, "fault.proven", {}),
        (23.0, "fault.clear_requested", {}),
        (23.1, "fault.cleared", {"hits": 42}),
        (23.4, "fault.proven_clear", {}),
        (25.0, "fault.cleared", {}),
    )
    assert (found.acknowledged_ns, found.cleared_ns) == (round(13.1 * S), round(23.1 * S))
    assert (found.requested_ns, found.proven_ns) == (13 * S, round(13.2 * S))
    assert (found.clear_requested_ns, found.proven_clear_ns) == (23 * S, round(23.4 * S))
    assert found.hits == 42


def test_other_faults_events_are_not_ours() -> None:
    """Events of another fault leave this one untouched."""
    assert timeline((13.0, "fault.acknowledged", {"fault": "f2"})).acknowledged_ns is None


@pytest.mark.parametrize(
    ("events", "bit"),
    [
        ([], None),
        ([canary("before")], None),
        ([canary("during")] * 6, True),
        ([*[canary("during")] * 5, canary("during", ok=False)], False),  # yes/no faults need unanimous canaries
        ([canary("during"), (14.5, "fault.unproven", {})], False),
        ([(14.5, "fault.proven", {})], True),
    ],
)
def test_yes_no_fault_bites_when_all_canaries_say_so(
    events: list[tuple[float, str, dict[str, Any]]], bit: bool | None
) -> None:
    """One canary that met something else is enough to doubt the fault."""
    assert timeline(*events).bit is bit


@pytest.mark.parametrize(
    ("events", "gone"),
    [
        ([], None),
        ([canary("after", expected="answer")] * 3, True),
        ([canary("after", ok=False)], False),
        ([canary("after", ok=False), (24.0, "fault.proven_clear", {})], True),  # the tail of the fault, then its end
        ([canary("after"), (24.0, "fault.unproven_clear", {})], False),
    ],
)
def test_fault_is_gone_when_the_baseline_is_proven(
    events: list[tuple[float, str, dict[str, Any]]], gone: bool | None
) -> None:
    """The last word on the end of a fault is the injector's, which asks until every canary answers."""
    assert timeline(*events).gone is gone


@pytest.mark.parametrize(
    ("added_ms", "bit"),
    [
        (200.0, True),  # 200 / 200 = 1.00
        (160.0, True),  # 0.80
        (158.0, False),  # 0.79
        (240.0, True),  # 1.20
        (250.0, False),  # 1.25
    ],
)
def test_ratio_fault_bites_by_its_fidelity(added_ms: float, bit: bool) -> None:
    """Measured ÷ configured effect of 0.8 to 1.2 is a fault that bit; the parameter here is 200 ms."""
    found = timeline(
        *[canary("before", took_ms=5.0)] * 3,
        *[canary("during", took_ms=5.0 + added_ms, expected="delay")] * 3,
        effect="ratio",
    )
    assert found.fidelity == pytest.approx(added_ms / 200)
    assert found.bit is bit


def test_injectors_fidelity_comes_first() -> None:
    """Where the injector measured the fidelity itself, single canaries of earlier tries do not count."""
    found = timeline(canary("during", ok=False), (14.5, "fault.proven", {"fidelity": 0.97}), effect="ratio")
    assert (found.fidelity, found.bit) == (0.97, True)


def test_yes_no_fault_has_no_fidelity() -> None:
    """Fidelity belongs to ratio faults."""
    assert timeline(canary("before"), canary("during")).fidelity is None


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([], "was never applied"),
        ([(13.0, "fault.failed", {"why": "the engine is gone"})], "failed: the engine is gone"),
        ([(13.0, "fault.acknowledged", {})], "began at 13 s, its end is not recorded"),
        (
            [(13.0, "fault.acknowledged", {}), canary("during"), (23.0, "fault.cleared", {"hits": 1})],
            "ended at 23 s, 1 of 1 canaries met eof while it was on, 1 hit",
        ),
    ],
)
def test_sentence(events: list[tuple[float, str, dict[str, Any]]], words: str) -> None:
    """What happened stands in one sentence that names the fault and its place."""
    sentence = timeline(*events).sentence
    assert sentence.startswith("provider-drops on provider-a")
    assert words in sentence


def test_faults_by_hand_are_read_from_the_journal() -> None:
    """Their plan stands in an event; a damaged one is left out."""
    plan = make_plan(Knobs())
    hand = plan.faults[0].model_copy(update={"id": "m1", "name": "latency", "manual": True})
    lines = [
        {"at_ns": START_NS, "event": "fault.planned", "fault": "m1", "planned": hand.model_dump(mode="json")},
        {"at_ns": START_NS, "event": "fault.planned", "fault": "m2", "planned": {"id": "m2"}},
        {"at_ns": START_NS + 2 * S, "event": "fault.acknowledged", "fault": "m1"},
    ]
    found = timelines(plan, lines, START_NS)
    assert [one.planned.id for one in found] == ["f1", "m1"]
    assert found[1].acknowledged_ns == 2 * S
    assert "injected by hand" in found[1].sentence
