"""Windows of one use of a fault stand together; a ramp shows its values; who put a fault on is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gatebench.analysis.faults import Change, FaultTimeline
from gatebench.analysis.report.uses import FaultUse, steps, uses
from gatebench.analysis.tables import read
from gatebench.plan import FaultStep
from tests.analysis.conftest import Read
from tests.analysis.test_report_page import copy_of
from tests.crowded import FLAPS, crowd


@pytest.fixture(scope="module")
def found(reading: Read, tmp_path_factory: pytest.TempPathFactory) -> list[FaultUse]:
    """The uses of a run with many windows."""
    return uses(read(crowd(copy_of(reading(), tmp_path_factory.mktemp("crowd")))).faults)


def alike(fault: FaultTimeline, **changes: Any) -> FaultTimeline:
    """Return the fault with its plan changed."""
    return replace(fault, planned=fault.planned.model_copy(update=changes))


def test_windows_of_one_use_stand_together(found: list[FaultUse]) -> None:
    """A flap, a ramp and two injections by hand beside the fault of the scenario are four uses, not sixteen."""
    assert [(use.label, use.origin) for use in found] == [
        ("provider-drops on provider-a", "by the scenario"),
        (f"link-down on provider-a ×{FLAPS}", "by plan shaky"),
        ("latency on provider-b 20 → 80 → 140 → 200\u202fms", "by plan shaky"),
        ("latency on provider-b ×2 (by hand)", "by hand"),
    ]
    assert [use.part(fault) for use in found[1:] for fault in use.windows] == [
        *(f"{number} of {FLAPS}" for number in range(1, FLAPS + 1)), "", "1 of 2", "2 of 2",
    ]  # fmt: skip


def test_windows_are_in_order_of_time(found: list[FaultUse]) -> None:
    """Whatever the order of the events, the first window is the earliest."""
    turned = uses([fault for use in found for fault in reversed(use.windows)])
    assert [use.first.planned.id for use in turned] == [use.first.planned.id for use in found]


def test_what_differs_is_another_use(found: list[FaultUse]) -> None:
    """Another phase, place, strength or plan is another use; by hand, the phase it fell into says nothing."""
    fault, hand = found[1].first, found[3].first
    for other in ({"phase": "recovery"}, {"on": "front"}, {"parameters": {"latency": 1}}, {"chaos": ""}):
        assert len(uses([fault, alike(fault, **other)])) == 2
    assert len(uses([hand, alike(hand, phase="recovery")])) == 1


def test_steps_are_those_that_happened(found: list[FaultUse]) -> None:
    """A step has its planned and its real time; one that the engine did not acknowledge has none."""
    ramp = found[2].first
    seen = [
        (step.planned_ns // 10**6, step.at_ns and step.at_ns // 10**6, step.level, step.proven) for step in steps(ramp)
    ]
    assert seen == [
        (9_000, 9_002, 0.1, False), (10_000, 10_005, 0.4, False), (11_000, 11_005, 0.7, False), (12_000, 12_005, 1.0, True),
    ]  # fmt: skip
    cut = steps(replace(ramp, changes=(Change(ramp.changes[0].at_ns, {}),)))
    assert [step.at_ns is None for step in cut] == [False, False, True, True]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([5, 10], "5 → 10\u202fms"),
        ([0, 1, 2, 3, 4, 5], "0 → … → 5\u202fms"),  # more than five would not fit beside a band
        ([0, 0], ""),  # nothing changes
    ],
)
def test_ramp_in_words(found: list[FaultUse], values: list[int], said: str) -> None:
    """The values of a ramp have their unit once, and many are cut to their ends."""
    planned = tuple(FaultStep(at_ns=place, parameters={"latency": value}) for place, value in enumerate(values))
    assert FaultUse((alike(found[2].first, steps=planned),)).ramp == said


def test_plan_by_hand_names_both(found: list[FaultUse]) -> None:
    """`bench chaos run` during a run is by hand, and names its plan."""
    assert FaultUse((alike(found[3].first, chaos="shaky"),)).origin == "by hand, by plan shaky"


def test_no_window_is_lost(reading: Read, tmp_path: Path) -> None:
    """Every fault of the run, planned or by hand, is a window of exactly one use."""
    tables = read(crowd(copy_of(reading(), tmp_path)))
    assert sum(len(use.windows) for use in uses(tables.faults)) == len(tables.faults) == 1 + FLAPS + 1 + 2
