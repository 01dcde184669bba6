"""The injector walks its windows, writes every step down, and never leaves a fault on."""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from gatebench.errors import EnvironmentFailure
from gatebench.execution.chaos.canary import Canary, Probe
from gatebench.execution.chaos.injector import Injector, Switch
from gatebench.execution.chaos.lever import Cleared, NoLever
from gatebench.execution.chaos.watchdog import WatchedLever
from gatebench.faults import FaultDefinition, Value
from gatebench.plan import FaultStep, PlannedFault

MS = 1_000_000


class Journal:
    """Keeps events in the order in which they were written."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._lock = threading.Lock()

    def __call__(self, event: str, at_ns: int | None = None, **facts: Any) -> int:
        at_ns = at_ns or time.monotonic_ns()
        with self._lock:
            self.events.append((event, {"at_ns": at_ns, **facts}))
        return at_ns

    def names(self) -> list[str]:
        """The events of the fault, canaries left out."""
        return [name.removeprefix("fault.") for name, _ in self.events if name.startswith("fault.")]


class Lever:
    """A switch in memory."""

    def __init__(self, broken: bool = False) -> None:
        self.on = False
        self.ttl_ns = 0
        self.broken = broken
        self.changes: list[dict[str, Value]] = []

    def apply(self, ttl_ns: int) -> int:
        """Switch on, or refuse."""
        if self.broken:
            raise EnvironmentFailure("the engine is gone.")
        self.on, self.ttl_ns = True, ttl_ns
        return time.monotonic_ns()

    def change(self, parameters: Mapping[str, Value], ttl_ns: int) -> int:
        """Note the step of a ramp."""
        self.changes.append(dict(parameters))
        return time.monotonic_ns()

    def clear(self) -> Cleared:
        """Switch off."""
        self.on = False
        return Cleared(time.monotonic_ns(), hits=7)


class Bird:
    """A canary that looks at the lever."""

    timeout_ns = 0

    def __init__(self, lever: Any) -> None:
        self._lever = lever

    def _probe(self, spare_ns: int = 0) -> list[Probe]:
        del spare_ns
        return [Probe(False, "eof" if getattr(self._lever, "on", False) else "answer", 1, 0)]

    before = during = after = _probe

    def accepts(self, probe: Probe) -> bool:
        """The fault promises an EOF."""
        return probe.met == "eof"

    def expected(self, pooled: bool) -> tuple[str, ...]:
        """As above."""
        del pooled
        return ("eof",)

    def bites(self, probes: Sequence[Probe]) -> bool:
        """Every probe met it."""
        return all(self.accepts(probe) for probe in probes)

    def is_gone(self, probes: Sequence[Probe]) -> bool:
        """No probe met it."""
        return not any(self.accepts(probe) for probe in probes)

    def fidelity(self, probes: Sequence[Probe]) -> float | None:
        """A yes/no fault has none."""
        del probes
        return None

    def close(self) -> None:
        """Nothing to close."""


def planned(length_ms: int = 50) -> PlannedFault:
    """A fault that begins at once."""
    definition = FaultDefinition.model_validate(
        {
            "description": "x",
            "layer": "provider",
            "mechanism": "provider.x",
            "live_connections": "FIN",
            "attempts_visible": True,
            "effect": "yes/no",
            "proof": {"expect": "eof"},
        }
    )
    return PlannedFault(
        id="f1",
        name="x",
        on="a",
        phase="fault",
        start_ns=0,
        end_ns=length_ms * MS,
        parameters={},
        definition=definition,
    )


def walked(lever: Any, length_ms: int = 50) -> tuple[Injector, Journal]:
    """Start an injector on one fault."""
    journal = Journal()
    injector = Injector([Switch(planned(length_ms), lever, cast("Canary", Bird(lever)))], journal)
    injector.start(time.monotonic_ns())
    return injector, journal


def test_a_fault_goes_through_its_six_times() -> None:
    """Requested, acknowledged, proven, clear requested, cleared, proven clear; with the hits its engine counted."""
    lever = Lever()
    injector, journal = walked(lever)
    injector.join(10)
    assert journal.names() == ["requested", "acknowledged", "proven", "clear_requested", "cleared", "proven_clear"]
    assert not lever.on
    cleared = next(facts for name, facts in journal.events if name == "fault.cleared")
    assert cleared["hits"] == 7
    assert lever.ttl_ns == 50 * MS + 1_000 * MS


def test_a_fault_that_does_not_bite_is_unproven() -> None:
    """The lever says yes, the canary says no: the journal says so."""
    injector, journal = walked(NoLever())
    injector.join(10)
    assert "unproven" in journal.names()
    assert "proven" not in journal.names()


def test_an_engine_that_refuses_is_a_failure_in_the_journal() -> None:
    """The run goes on; the reason is kept."""
    injector, journal = walked(Lever(broken=True))
    injector.join(10)
    assert journal.names() == ["requested", "failed"]
    assert injector.active() == []


def test_stop_clears_at_once() -> None:
    """A minute-long fault is gone when the run is interrupted, and proven gone."""
    lever = Lever()
    injector, journal = walked(lever, 60_000)
    deadline = time.monotonic() + 10
    while "proven" not in journal.names():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert injector.active() == ["x on a"]
    injector.stop()
    assert not lever.on
    assert journal.names()[-1] == "proven_clear"
    assert injector.active() == []


def test_a_fault_that_vanishes_half_way_is_unproven() -> None:
    """The second look, shortly before the window ends, notices."""
    lever = Lever()
    injector, journal = walked(lever, 3_000)
    deadline = time.monotonic() + 10
    while "proven" not in journal.names():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    lever.on = False
    injector.join(10)
    assert "unproven" in journal.names()


@pytest.mark.parametrize(
    ("mechanism", "heal"),
    [
        ("link.down", ("POST", "http://p/proxies/l", '{"enabled": true}')),
        ("toxic.latency", ("DELETE", "http://p/proxies/l/toxics/f1", "")),
    ],
)
def test_the_watchdog_knows_how_to_heal_before_the_fault_is_on(mechanism: str, heal: tuple[str, str, str]) -> None:
    """Armed before applied, disarmed after cleared."""
    steps: list[object] = []

    class Dog:
        def arm(self, name: str, after_s: float, requests: Sequence[tuple[str, str, str]]) -> None:
            steps.append((name, after_s, list(requests), lever.on))

        def disarm(self, name: str) -> None:
            steps.append((name, lever.on))

    lever = Lever()
    fault = planned()
    fault = fault.model_copy(update={"definition": fault.definition.model_copy(update={"mechanism": mechanism})})
    watched = WatchedLever(lever, fault, "http://p/proxies/l", Dog())
    watched.apply(2_000 * MS)
    watched.clear()
    assert steps == [("f1", 2.0, [heal], False), ("f1", False)]


def test_a_ramp_takes_its_steps_and_is_proven_at_its_last() -> None:
    """Every step reaches the lever in order; the proof comes after the step that it is about."""
    base = planned(900)
    steps = tuple(FaultStep(at_ns=number * 300 * MS, parameters={"x": number}) for number in range(3))
    fault = base.model_copy(update={"steps": steps, "parameters": {"x": 2}})
    lever, journal = Lever(), Journal()
    injector = Injector([Switch(fault, lever, cast("Canary", Bird(lever)))], journal)
    injector.start(time.monotonic_ns())
    injector.join(10)
    assert lever.changes == [{"x": 1}, {"x": 2}]
    assert journal.names() == [
        "requested", "acknowledged", "changed", "changed", "proven", "clear_requested", "cleared", "proven_clear",
    ]  # fmt: skip


def test_a_fault_may_be_added_while_others_walk() -> None:
    """It has a window of its own, and whoever added it hears when it is proven."""
    lever = Lever()
    injector, journal = walked(lever, 400)
    second = Lever()
    fault = planned(200).model_copy(update={"id": "m1"})
    walk = injector.add(Switch(fault, second, cast("Canary", Bird(second))), time.monotonic_ns())
    assert walk.told.wait(10)
    assert walk.proven
    injector.join(10)
    assert journal.names().count("proven_clear") == 2
    assert not lever.on
    assert not second.on


class SlowLever(Lever):
    """An engine that takes its time to put a fault on, as a process that is asked to end does."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.may = threading.Event()

    def apply(self, ttl_ns: int) -> int:
        """Switch on when it may."""
        self.asked.set()
        assert self.may.wait(10)
        return super().apply(ttl_ns)


def test_clear_waits_for_a_fault_that_is_being_put_on() -> None:
    """It is off afterwards, however late its engine says that it is on."""
    lever = SlowLever()
    injector, _ = walked(lever, length_ms=60_000)
    assert lever.asked.wait(10)
    threading.Timer(0.3, lever.may.set).start()
    (ended,) = injector.clear(patience_s=0.05)
    assert ended.id == "f1"
    assert not lever.on
    injector.join(5)
    assert not lever.on


class StuckLever(Lever):
    """An engine that does not answer when a fault is to go."""

    def clear(self) -> Cleared:
        """Refuse."""
        raise EnvironmentFailure("the engine is gone.")


class LateBird(Bird):
    """A canary that is not back yet."""

    def __init__(self, lever: Any, back: threading.Event) -> None:
        super().__init__(lever)
        self._back = back

    def during(self, spare_ns: int = 0) -> list[Probe]:
        """Answer when told to."""
        assert self._back.wait(10)
        return self._probe()


def test_an_engine_that_is_gone_keeps_no_other_fault_on() -> None:
    """While canaries are away, clear itself is at the levers: the second goes off though the first cannot."""
    back = threading.Event()
    stuck, sound = StuckLever(), Lever()
    injector = Injector([], Journal())
    for id, lever in (("f1", stuck), ("f2", sound)):
        fault = planned(60_000).model_copy(update={"id": id})
        injector.add(Switch(fault, lever, cast("Canary", LateBird(lever, back))), time.monotonic_ns())
    deadline = time.monotonic() + 10
    while not (stuck.on and sound.on) and time.monotonic() < deadline:
        time.sleep(0.01)
    with pytest.raises(EnvironmentFailure, match="the engine is gone"):
        injector.clear(patience_s=0.05)
    assert not sound.on
    back.set()
    injector.join(5)


def test_clear_of_some_leaves_the_others_on() -> None:
    """Who takes off what he has put on does not take off what others have."""
    levers = [Lever(), Lever()]
    injector = Injector([], Journal())
    for id, lever in zip(("f1", "f2"), levers, strict=True):
        fault = planned(60_000).model_copy(update={"id": id})
        injector.add(Switch(fault, lever, cast("Canary", Bird(lever))), time.monotonic_ns())
    for walk in injector.walks():
        assert walk.told.wait(5)
    assert [fault.id for fault in injector.clear(only=["f2"])] == ["f2"]
    assert [lever.on for lever in levers] == [True, False]
    injector.stop()


def test_nothing_begins_once_everything_ends() -> None:
    """A run that was stopped has a desk for a moment longer."""
    injector = Injector([], Journal())
    injector.stop()
    lever = Lever()
    with pytest.raises(EnvironmentFailure, match="no fault begins any more"):
        injector.add(Switch(planned(), lever, cast("Canary", Bird(lever))), time.monotonic_ns())
    assert injector.walks() == []
