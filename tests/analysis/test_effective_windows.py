"""Effective windows: phases are cut where faults were acknowledged, and rows under way at an edge belong to neither side."""

from __future__ import annotations

import numpy as np
import pytest

from gatebench.analysis.faults import FaultTimeline
from gatebench.analysis.windows import by_hand, edges, label, outages, windows
from gatebench.plan import Plan, PlannedFault, PlannedPhase
from gatebench.scenario import Role
from tests.planned import MS, Knobs, S, make_plan


def plan_of(*phases: tuple[str, Role, float, float]) -> Plan:
    """Return a plan with these phases (name, role, start and end in seconds) and a fault over each phase of role fault."""
    base = make_plan(Knobs())
    planned = tuple(
        PlannedPhase(name=name, role=role, start_ns=round(start * S), end_ns=round(end * S))
        for name, role, start, end in phases
    )
    faults = tuple(
        base.faults[0].model_copy(
            update={"id": f"f{number}", "phase": phase.name, "start_ns": phase.start_ns, "end_ns": phase.end_ns}
        )
        for number, phase in enumerate(planned)
        if phase.role == "fault"
    )
    return base.model_copy(update={"phases": planned, "faults": faults})


def happened(fault: PlannedFault, late_ms: float = 5, cleared: bool = True) -> FaultTimeline:
    """Return the timeline of a fault whose both ends were acknowledged `late_ms` after the plan."""
    late_ns = round(late_ms * MS)
    end_ns = fault.end_ns + late_ns if cleared else None
    return FaultTimeline(planned=fault, acknowledged_ns=fault.start_ns + late_ns, cleared_ns=end_ns)


CLASSIC: tuple[tuple[str, Role, float, float], ...] = (
    ("warmup", "warmup", 0, 3),
    ("baseline", "baseline", 3, 13),
    ("fault", "fault", 13, 23),
    ("recovery", "recovery", 23, 33),
)


def spans(plan: Plan, faults: list[FaultTimeline], end_s: float) -> dict[str, tuple[float, float]]:
    """Return the effective windows in seconds."""
    end_ns = round(end_s * S)
    found = windows(plan, outages(plan, faults, end_ns), end_ns)
    return {window.name: (window.start_ns / S, window.end_ns / S) for window in found}


def test_phases_are_cut_at_acknowledged_edges() -> None:
    """The baseline ends at t0, the fault lasts from t0 to t1, the recovery begins at t1; the warm-up keeps its edge."""
    plan = plan_of(*CLASSIC)
    assert spans(plan, [happened(plan.faults[0])], 33) == {
        "warmup": (0, 3),
        "baseline": (3, 13.005),
        "fault": (13.005, 23.005),
        "recovery": (23.005, 33),
    }


def test_fault_that_never_was_leaves_the_plan() -> None:
    """Without an acknowledgement phases keep their planned windows."""
    plan = plan_of(*CLASSIC)
    never = FaultTimeline(planned=plan.faults[0])
    assert spans(plan, [never], 33)["fault"] == (13, 23)
    assert outages(plan, [never], 33 * S) == ()


def test_fault_without_an_end_lasts_to_the_end_of_the_run() -> None:
    """When a crash hid the clearing, t1 is where the run ended, and later phases are empty."""
    plan = plan_of(*CLASSIC)
    fault = happened(plan.faults[0], cleared=False)
    assert spans(plan, [fault], 15)["fault"] == (13.005, 15)
    assert spans(plan, [fault], 15)["recovery"] == (15, 15)
    assert not outages(plan, [fault], 15 * S)[0].cleared


def test_warm_up_before_a_fault_keeps_its_edge() -> None:
    """A warm-up that a fault follows ends as planned: rows in between belong to no window."""
    plan = plan_of(("warmup", "warmup", 0, 3), ("fault", "fault", 3, 6))
    assert spans(plan, [happened(plan.faults[0])], 6) == {"warmup": (0, 3), "fault": (3.005, 6)}


def test_two_outages_end_each_others_recovery() -> None:
    """The recovery of one outage may be looked for until the next one begins."""
    plan = plan_of(
        ("baseline", "baseline", 0, 5),
        ("first", "fault", 5, 8),
        ("between", "recovery", 8, 12),
        ("second", "fault", 12, 15),
        ("last", "recovery", 15, 20),
    )
    found = outages(plan, [happened(fault) for fault in plan.faults], 20 * S)
    assert [(outage.phase, outage.until_ns / S) for outage in found] == [("first", 12.005), ("second", 20.0)]
    assert spans(plan, [happened(fault) for fault in plan.faults], 20)["between"] == (8.005, 12.005)


def test_outage_joins_the_faults_of_a_phase() -> None:
    """Two faults of one phase are one outage from the first t0 to the last t1; on two places it has no one provider."""
    plan = plan_of(*CLASSIC)
    first = plan.faults[0]
    second = first.model_copy(update={"id": "f9", "on": "provider-b", "start_ns": 15 * S, "end_ns": 25 * S})
    plan = plan.model_copy(update={"faults": (first, second)})
    (outage,) = outages(plan, [happened(first), happened(second)], 33 * S)
    assert (outage.t0_ns / S, outage.t1_ns / S, outage.provider) == (13.005, 25.005, None)


@pytest.mark.parametrize(
    ("due_ms", "done_ms", "expected"),
    [
        (100, 150, 0),  # well inside the baseline
        (990, 999, 0),  # done just before t0 = 1 000
        (990, 1000, -1),  # done at t0: under way when the fault came
        (990, 1700, -1),
        (1000, 1050, 1),  # due at t0: met the fault from its beginning
        (1990, 2010, -1),  # straddles t1 = 2 000
        (2000, 2010, 2),
        (3500, 3600, -1),  # due in no window
    ],
)
def test_label(due_ms: int, done_ms: int, expected: int) -> None:
    """A row belongs to the window in which it was due, unless it was under way at an edge."""
    plan = plan_of(("a", "baseline", 0, 1), ("b", "fault", 1, 2), ("c", "recovery", 2, 3))
    faults = [happened(plan.faults[0], late_ms=0)]
    found = windows(plan, outages(plan, faults, 3 * S), 3 * S)
    got = label(np.array([due_ms * MS]), np.array([done_ms * MS]), found, edges(faults))
    assert got.tolist() == [expected]


def test_a_fault_that_flaps_is_one_outage_of_several_spells() -> None:
    """Three windows apart from each other are three stretches; two that touch or overlap are one."""
    plan = plan_of(*CLASSIC)
    first = plan.faults[0]
    spells = [(13, 15), (17, 19), (21, 23), (22, 23)]
    parts = [
        first.model_copy(update={"id": f"f{number}", "start_ns": start * S, "end_ns": end * S})
        for number, (start, end) in enumerate(spells)
    ]
    (outage,) = outages(plan, [happened(part) for part in parts], 33 * S)
    assert outage.spells == 3
    (single,) = outages(plan, [happened(first)], 33 * S)
    assert single.spells == 1


def test_what_is_no_provider_is_nobody_to_fail_over_from() -> None:
    """A fault on a process of the gateway or on a store has no provider."""
    plan = plan_of(*CLASSIC)
    for place in ("gateway", "store", "front"):
        (outage,) = outages(plan, [happened(plan.faults[0].model_copy(update={"on": place}))], 33 * S)
        assert outage.provider is None


def test_hands_make_no_outage_and_their_rows_count_in_no_phase() -> None:
    """A fault injected by hand moves no window; every row that was under way while it was on is a transition."""
    plan = plan_of(*CLASSIC)
    hand = plan.faults[0].model_copy(
        update={"id": "m1", "phase": "baseline", "start_ns": 5 * S, "end_ns": 7 * S, "manual": True}
    )
    faults = [happened(plan.faults[0], 0), happened(hand, 0)]
    assert len(outages(plan, faults, 33 * S)) == 1
    found = windows(plan, outages(plan, faults, 33 * S), 33 * S)
    due_s, done_s = [4.0, 4.9, 5.0, 6.0, 6.9, 7.0, 8.0], [4.5, 5.1, 5.5, 6.1, 9.0, 7.2, 8.1]
    got = label(
        np.array([round(at * S) for at in due_s]),
        np.array([round(at * S) for at in done_s]),
        found,
        edges(faults),
        by_hand(faults, 33 * S),
    )
    assert got.tolist() == [1, -1, -1, -1, -1, 1, 1]
