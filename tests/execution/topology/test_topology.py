"""A topology starts its processes again one place at a time, and keeps each one's key until it was read."""

from pathlib import Path
from typing import cast

from gatebench.content import Content
from gatebench.execution.asking import RunRequest
from gatebench.execution.planning import make_plan
from gatebench.execution.topology.supervisor import ChildProcess, Supervisor
from gatebench.execution.topology.topology import Topology
from gatebench.run.folder import RunFolder


class Known(set[str]):
    """Every metric there is."""

    def __contains__(self, name: object) -> bool:
        return True


def test_a_place_that_is_back_takes_no_other_places_key(tmp_path: Path) -> None:
    """Two providers come back at once: the file of the one that has not read it stays, its own goes."""
    plan = make_plan(RunRequest(scenario="smoke", target="reference", seed=1), Content(), Known())
    topology = Topology(plan, RunFolder.create(tmp_path, plan), cast("Supervisor", None))
    files = {name: topology.folder.work / f"{name}.json" for name in ("provider-a", "provider-b")}
    for name, file in files.items():
        topology._private(name, "{}")
        topology.processes[name] = ChildProcess(name, 1, file)
    topology.bring_up("provider-b")
    assert [name for name, file in files.items() if file.exists()] == ["provider-a"]
