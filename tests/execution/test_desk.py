"""A desk takes orders for faults, refuses what cannot be had, and says where each one stands."""

import json
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from gatebench.content import Content
from gatebench.execution import desk as desk_module
from gatebench.execution import desk_client, desk_state, foreign
from gatebench.execution.asking import RunRequest
from gatebench.execution.chaos.canary import Canary
from gatebench.execution.chaos.injector import Injector, Switch
from gatebench.execution.desk import Desk, DeskServer
from gatebench.execution.desk_state import DeskState
from gatebench.execution.mirrored import mirrored
from gatebench.execution.ordering import Order, single_fault, whole_plan
from gatebench.execution.planning import make_plan
from gatebench.execution.standing import standing
from gatebench.plan import MANUAL_IDS, Plan, PlannedFault
from gatebench.run.folder import RunFolder
from tests.execution.chaos.test_injector import Bird, Journal, Lever

S = 1_000_000_000


@pytest.fixture
def plan() -> Plan:
    """A plan of a target that is ours."""
    return make_plan(
        RunRequest(scenario="smoke", target="reference", seed=1),
        Content(),
        {
            "availability",
            "response_p99_ms",
            "error_share",
            "response_p95_ms",
            "requests_lost",
            "wrong_answer",
            "silent_truncation",
            "goodput_per_s",
        },
    )


class Rig:
    """A desk whose levers are in memory."""

    def __init__(self, plan: Plan, end_s: float | None = None) -> None:
        self.journal = Journal()
        self.injector = Injector([], self.journal)
        self.levers: list[Lever] = []
        t0_ns = time.monotonic_ns() - 5 * S
        end_ns = None if end_s is None else time.monotonic_ns() + round(end_s * S)
        self.desk = Desk(plan, self.injector, self.journal, self._switch, t0_ns=t0_ns, end_ns=end_ns)
        self.t0_ns = t0_ns

    def _switch(self, fault: PlannedFault) -> Switch:
        lever = Lever()
        self.levers.append(lever)
        return Switch(fault, lever, cast("Canary", Bird(lever)))

    def inject(self, *faults: PlannedFault) -> dict[str, Any]:
        """Order faults."""
        return self.desk.obey({"op": "inject", "faults": [fault.model_dump(mode="json") for fault in faults]})


@pytest.fixture
def state(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DeskState:
    """A desk's state, of this very process."""
    import psutil

    monkeypatch.setenv("GATEBENCH_STATE", str(tmp_path))
    known = {name: name for name in ("provider-a", "provider-b")}
    (tmp_path / "s").mkdir()
    return DeskState(
        kind="up",
        name="here",
        token=plan.token,
        pid=psutil.Process().pid,
        started=psutil.Process().create_time(),
        since_unix=time.time(),
        ends_unix=None,
        folder=str(tmp_path),
        socket=str(tmp_path / "s" / "desk"),
        engine=plan.engine,
        engine_url="http://127.0.0.1:1",
        prefix="gatebench-x-",
        admins={},
        admin_token="0" * 32,
        places={"link": {"front": "front", **known}, "provider": known, "process": {**known, "gateway": "front"}},
    )


def fault(state: DeskState, name: str = "latency", on: str = "provider-a", lasting: str = "2s") -> PlannedFault:
    """One order as the command line makes it."""
    problems: list[Any] = []
    (found,) = single_fault(Order(name, on, lasting), state, problems)
    assert not problems
    return found


def test_an_order_is_walked_proven_and_written_down(plan: Plan, state: DeskState) -> None:
    """The answer says that it is on and proven; the journal holds the fault whole, on the clock of the load."""
    rig = Rig(plan)
    row = rig.inject(fault(state, lasting="1s"))["faults"][0]
    assert (row["id"], row["state"], row["proven"]) == ("m1", "on", True)
    rig.injector.join(10)
    (planned,) = [facts for name, facts in rig.journal.events if name == "fault.planned"]
    written = PlannedFault.model_validate(planned["planned"])
    assert written.manual
    assert written.end_ns - written.start_ns == 1 * S
    assert abs(rig.t0_ns + written.start_ns - planned["at_ns"]) < 2 * S
    assert rig.desk.obey({"op": "status"})["faults"][0]["state"] == "over"
    assert not rig.levers[0].on


def test_clear_ends_everything_now(plan: Plan, state: DeskState) -> None:
    """A minute-long fault is off, and one that was to come never comes."""
    rig = Rig(plan)
    rig.inject(fault(state, lasting="60s"))
    later = fault(state, on="provider-b", lasting="60s")
    rig.inject(
        later.model_copy(update={"start_ns": 50 * S}),
        fault(state, on="front", lasting="50s").model_copy(update={"start_ns": 40 * S}),
    )
    answer = rig.desk.obey({"op": "clear"})
    assert sorted(answer["cleared"]) == ["latency on front", "latency on provider-a", "latency on provider-b"]
    assert not any(lever.on for lever in rig.levers)
    assert rig.desk.obey({"op": "clear"})["cleared"] == []


def test_a_ticket_takes_back_its_own(plan: Plan, state: DeskState) -> None:
    """Two orders are on; one is interrupted, the other stays."""
    rig = Rig(plan)
    orders = [fault(state, on=place, lasting="60s").model_dump(mode="json") for place in ("provider-a", "provider-b")]
    for ticket, order in zip(("one", "two"), orders, strict=True):
        rig.desk.obey({"op": "inject", "faults": [order], "ticket": ticket})
    assert rig.desk.obey({"op": "clear", "ticket": "nobody's"})["cleared"] == []
    assert rig.desk.obey({"op": "clear", "ticket": "one"})["cleared"] == ["latency on provider-a"]
    assert [lever.on for lever in rig.levers] == [False, True]
    rig.desk.obey({"op": "clear"})


def test_what_cannot_be_had_is_refused_with_every_reason(plan: Plan, state: DeskState) -> None:
    """A place that is not here, a window past the end, a fault that meets another, too many at once: nothing is switched on."""
    rig = Rig(plan, end_s=15)
    rig.inject(fault(state, lasting="8s"))
    answer = rig.inject(
        fault(state, lasting="20s"),
        fault(state, "link-down", "provider-a"),
        fault(state).model_copy(update={"on": "moon"}),
    )
    said = " ".join(answer["problems"])
    for words in (
        "moon, which is not here",
        "past the end of the load",
        "twice at the same time",
        "lets nothing through unharmed",
    ):
        assert words in said
    assert len(rig.levers) == 1
    rig.desk.obey({"op": "clear"})


def test_no_more_at_once_than_the_plan_allows(plan: Plan, state: DeskState) -> None:
    """Two places are busy, and two is the most."""
    rig = Rig(plan.model_copy(update={"most_faults": 2}))
    rig.inject(fault(state, on="front", lasting="20s"))
    rig.inject(fault(state, on="provider-a", lasting="20s"))
    assert "2 is the most" in rig.inject(fault(state, on="provider-b"))["problems"][0]
    rig.desk.obey({"op": "clear"})


def test_ids_run_out_in_words(plan: Plan, state: DeskState) -> None:
    """A topology keeps a fixed number of them, because every ledger knows them from its start."""
    rig = Rig(plan)
    many = [
        fault(state).model_copy(update={"start_ns": 10 * number * S, "end_ns": (10 * number + 2) * S})
        for number in range(41)
    ]
    assert f"41 windows are asked for and {len(MANUAL_IDS)}" in rig.inject(*many)["problems"][0]


@pytest.mark.parametrize(
    "order", [{"op": "dance"}, {}, [], "clear", {"op": "inject"}, {"op": "inject", "faults": [{"id": 1}]}]
)
def test_nonsense_is_answered(plan: Plan, order: Any) -> None:
    """Never a traceback."""
    assert "problems" in Rig(plan).desk.obey(order)


@pytest.fixture
def served(plan: Plan, state: DeskState) -> Iterator[Rig]:
    """A desk behind its socket."""
    rig = Rig(plan)
    with DeskServer(rig.desk, state):
        yield rig
        rig.injector.stop()


def test_a_desk_is_found_asked_and_gone(served: Rig, state: DeskState) -> None:
    """Its file and its socket are private; an order goes through; what is no JSON is answered too."""
    (found,) = desk_state.desks()
    assert found == state
    assert found.lives
    assert Path(state.socket).stat().st_mode & 0o077 == 0
    answer = desk_client.ask(found, {"op": "inject", "faults": [fault(state, lasting="1s").model_dump(mode="json")]})
    assert answer["faults"][0]["proven"]
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(state.socket)
        sock.sendall(b"what?\n")
        assert "not JSON" in json.loads(sock.makefile().readline())["problems"][0]
    assert served.levers


def test_a_closed_desk_leaves_nothing(plan: Plan, state: DeskState) -> None:
    """Neither file nor socket."""
    with DeskServer(Rig(plan).desk, state):
        pass
    assert desk_state.desks() == []
    assert not Path(state.socket).exists()


def test_a_plan_is_ordered_whole(state: DeskState) -> None:
    """Its windows follow each other from now on; one without an end of its own needs a length."""
    problems: list[Any] = []
    windows = whole_plan("shaky-provider", None, 1, state, problems)
    assert not problems
    assert {window.name for window in windows} == {"latency", "link-down"}
    assert all(window.chaos == "shaky-provider" for window in windows)
    assert whole_plan("nosuch", None, 1, state, problems) == []
    assert "no fault plan of this name" in str(problems[0])


def test_settings_of_an_order_are_read_by_name_and_unit(state: DeskState) -> None:
    """`latency_ms` is `latency`; what is no number is said to be none."""
    problems: list[Any] = []
    (found,) = single_fault(Order("latency", "front", "5s", ("latency_ms=300", "toxicity=0.5")), state, problems)
    assert (found.parameters["latency"], found.parameters["toxicity"]) == (300, 0.5)
    single_fault(Order("latency", "front", "5s", ("latency=much", "speed=1", "bare")), state, problems)
    said = " ".join(str(problem) for problem in problems)
    assert "'much' is not a number" in said
    assert "no parameter speed" in said
    assert "has no KEY=VALUE form" in said


@pytest.mark.parametrize("lasting", ["0s", "5", "25h", "-3s", "soon"])
def test_a_fault_without_a_proper_end_is_refused(state: DeskState, lasting: str) -> None:
    """Above nothing, a day at most."""
    problems: list[Any] = []
    assert single_fault(Order("latency", "front", lasting), state, problems) == []
    assert any("--for" in str(problem) for problem in problems)


def test_a_runs_copy_of_what_a_standing_topology_went_through(tmp_path: Path, state: DeskState) -> None:
    """Only faults that were on meanwhile, each on the clock of the run, also when an id was given twice."""
    folder = RunFolder(tmp_path)
    folder.event("topology.ready", 10 * S)
    for begin_s, end_s in ((11, 12), (21, 23), (41, 42)):
        planned = fault(state).model_copy(
            update={"id": "m1", "start_ns": (begin_s - 10) * S, "end_ns": (end_s - 10) * S}
        )
        folder.event("fault.planned", (begin_s - 1) * S, fault="m1", planned=planned.model_dump(mode="json"))
        folder.event("fault.acknowledged", begin_s * S, fault="m1")
        folder.event("fault.cleared", end_s * S, fault="m1")
    found = list(mirrored(tmp_path, 20 * S, 30 * S))
    assert [event["event"] for event in found] == ["fault.planned", "fault.acknowledged", "fault.cleared"]
    assert len({event["fault"] for event in found}) == 1
    moved = PlannedFault.model_validate(found[0]["planned"])
    assert (moved.id, moved.start_ns, moved.end_ns) == (found[0]["fault"], 1 * S, 3 * S)


def test_an_id_is_never_given_to_two(plan: Plan, state: DeskState) -> None:
    """Also when ids of faults that are over are taken again, and again before they were used."""
    rig = Rig(plan)
    for count in (38, 3, 39):
        many = [
            fault(state).model_copy(update={"start_ns": (50 + 10 * number) * S, "end_ns": (52 + 10 * number) * S})
            for number in range(count)
        ]
        rows = rig.inject(*many)["faults"]
        assert len({row["id"] for row in rows}) == count
        rig.desk.obey({"op": "clear"})


def test_a_plan_of_one_late_window_is_answered_at_once(plan: Plan, state: DeskState) -> None:
    """Whoever walks through it looks by himself; the answer does not wait for what comes in a minute."""
    rig = Rig(plan)
    late = fault(state).model_copy(update={"start_ns": 60 * S, "end_ns": 62 * S, "chaos": "mine"})
    begun = time.monotonic()
    assert rig.inject(late)["faults"][0]["state"] == "to come"
    assert time.monotonic() - begun < 5
    rig.desk.obey({"op": "clear"})


def test_a_fault_is_on_until_it_is_proven_clear(plan: Plan, state: DeskState, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was cleared a moment ago does not come again."""
    proof = threading.Event()
    monkeypatch.setattr(Bird, "after", lambda bird: (proof.wait(10), bird.before())[1])
    rig = Rig(plan)
    rig.inject(fault(state, lasting="1s"))
    deadline = time.monotonic() + 10
    while rig.levers[0].on and time.monotonic() < deadline:
        time.sleep(0.01)
    assert rig.desk.obey({"op": "status"})["faults"][0]["state"] == "on"
    proof.set()
    rig.injector.join(10)
    assert rig.desk.obey({"op": "status"})["faults"][0]["state"] == "over"


def test_an_order_after_the_end_is_refused_in_words(plan: Plan, state: DeskState) -> None:
    """A run that a condition stopped takes no more faults, though its load was to last longer."""
    rig = Rig(plan, end_s=60)
    rig.injector.stop()
    assert "no fault begins any more" in rig.inject(fault(state))["problems"][0]
    assert not rig.levers


def test_broken_files_in_the_state_folder_are_passed_over(
    state: DeskState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes that are no text, text that is no JSON, JSON that is no state; what is sound is still found."""
    state.write()
    for number, words in enumerate((b"\xff\xfe", b"{", b"[1]", b"")):
        (tmp_path / "desks" / f"{number}.json").write_bytes(words)
        (tmp_path / "up").mkdir(exist_ok=True)
        (tmp_path / "up" / f"{number}.json").write_bytes(words)
    (tmp_path / "desks" / "timekeeper-x").write_text("http://127.0.0.1:1")
    assert desk_state.desks() == [state]
    assert standing() == []
    foreign.call_off("http://127.0.0.1:1")
    desk_client.note("clear")
    with desk_state.journal_path().open("ab") as journal:
        journal.write(b'\xff\xfe\n{"at_\n[1]\n{"did": "x"}\n')
    assert [entry["did"] for entry in desk_client.noted()] == ["clear"]


def test_forgetting_removes_a_socket_and_nothing_else(
    state: DeskState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state file that is broken may name any path, also one in the folder in which somebody works."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "precious").write_text("x")
    monkeypatch.chdir(work)
    for named in ("desk", "", "precious", str(work)):
        state.model_copy(update={"socket": named}).forget()
    assert (work / "precious").exists()


def test_a_desk_that_nobody_can_find_keeps_nobody_from_measuring(
    plan: Plan, state: DeskState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state folder is a file: the run goes on, and its events say why no second terminal reaches it."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GATEBENCH_STATE", str(tmp_path / "file"))
    rig = Rig(plan)
    with DeskServer(rig.desk, state):
        pass
    assert [name for name, _ in rig.journal.events] == ["desk.unreachable"]


def test_a_socket_has_a_short_path_wherever_temporary_files_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path of more than about a hundred bytes cannot be listened on."""
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    made = desk_module._socket_folder()
    made.rmdir()
    assert len(str(made / "desk")) < 100


@pytest.mark.parametrize("value", ["nan", "inf", "1e999", "1" + "0" * 400, "-" + "9" * 5000])
def test_numbers_beyond_every_machine_are_refused(state: DeskState, value: str) -> None:
    """In words, as every other wrong value."""
    problems: list[Any] = []
    assert single_fault(Order("latency", "front", "5s", (f"latency={value}",)), state, problems) == []
    assert "latency" in str(problems[0])


def test_an_order_for_no_place_is_refused(state: DeskState) -> None:
    """The places that there are are named."""
    problems: list[Any] = []
    assert single_fault(Order("latency", "", "5s"), state, problems) == []
    assert "Choose one of: front" in str(problems[0])


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("on = []", "on"),
        ('on = ""', "on"),
        ('on = ["provider-a", ""]', "on"),
        ('on = "provider-a"\nwindows = [{ duration = "25h" }]', "longer than a day"),
    ],
)
def test_a_plan_that_nobody_can_walk_is_refused(
    state: DeskState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str, words: str
) -> None:
    """No place, an empty one, no end."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chaos").mkdir()
    (tmp_path / "chaos" / "mine.toml").write_text(f'description = "x"\n[[fault]]\nname = "latency"\n{entry}\n')
    problems: list[Any] = []
    assert whole_plan("mine", None, 1, state, problems) == []
    assert words in str(problems[0])


def test_a_place_is_not_broken_again_before_it_is_whole(
    plan: Plan, state: DeskState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its window has ended and its process is still on its way back: an order for the same place waits for that."""
    back = threading.Event()
    clear = Lever.clear
    monkeypatch.setattr(Lever, "clear", lambda lever: (back.wait(10), clear(lever))[1])
    rig = Rig(plan)
    rig.inject(fault(state, "process-restart", lasting="1s"))
    time.sleep(1.5)
    assert "at the same time" in rig.inject(fault(state, "process-kill", lasting="1s"))["problems"][0]
    back.set()
    rig.injector.join(10)
    assert "faults" in rig.inject(fault(state, "process-kill", lasting="1s"))
    rig.injector.stop()


def test_what_is_to_come_is_prepared_in_peace(plan: Plan, state: DeskState) -> None:
    """A fault by hand that would end a tenth of a second before one of the plan begins would meet its canaries."""
    rig = Rig(plan)
    later = fault(state, "link-down").model_copy(update={"start_ns": 20 * S, "end_ns": 22 * S})
    rig.inject(later, fault(state, on="front").model_copy(update={"start_ns": 60 * S, "end_ns": 62 * S}))
    assert "at the same time" in rig.inject(fault(state, "link-down", lasting="19900ms"))["problems"][0]
    rig.injector.stop()
