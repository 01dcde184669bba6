"""A run folder is made fresh, written in whole steps, and readable when its last event is torn."""

import json
import threading
from pathlib import Path

from gatebench.plan import Plan
from gatebench.run.folder import RunFolder, write_atomically
from tests.planned import Knobs
from tests.planned import make_plan as make_plan_with


def make_plan() -> Plan:
    """Any plan."""
    return make_plan_with(Knobs())


def test_folders_of_the_same_second_get_different_names(tmp_path: Path) -> None:
    """Nothing is ever written over."""
    made = {RunFolder.create(tmp_path, make_plan()).path for _ in range(5)}
    assert len(made) == 5


def test_the_record_survives_its_json(tmp_path: Path) -> None:
    """Plan first: run.json is there and whole before anything else happens."""
    folder = RunFolder.create(tmp_path, make_plan())
    record = folder.new_record(make_plan(), ["bench", "run"], {"python": "3.11"})
    assert folder.load() == record
    assert json.loads((folder.path / "run.json").read_text())["schema"] == "gatebench.run/1"


def test_events_from_many_threads_are_whole_lines_in_time_order(tmp_path: Path) -> None:
    """The runner, the faults and the scraper write at the same time."""
    folder = RunFolder.create(tmp_path, make_plan())
    threads = [
        threading.Thread(target=lambda name=name: [folder.event("tick", who=name) for _ in range(50)])
        for name in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = folder.events()
    assert len(events) == 400
    assert [event["at_ns"] for event in events] == sorted(event["at_ns"] for event in events)


def test_a_torn_last_event_is_left_out(tmp_path: Path) -> None:
    """As SIGKILL leaves it."""
    folder = RunFolder.create(tmp_path, make_plan())
    folder.event("whole")
    with (folder.path / "events.jsonl").open("a") as file:
        file.write('{"at_ns": 12, "eve')
    assert [event["event"] for event in folder.events()] == ["whole"]


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    """No draft stays behind."""
    path = tmp_path / "a.json"
    write_atomically(path, "old")
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]
