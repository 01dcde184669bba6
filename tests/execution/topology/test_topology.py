"""A topology starts its processes again one place at a time, and keeps each one's key until it was read."""

from pathlib import Path
from typing import cast

import pytest

from gatebench.content import Content
from gatebench.errors import EnvironmentFailure
from gatebench.execution.asking import RunRequest
from gatebench.execution.planning import make_plan
from gatebench.execution.topology.supervisor import ChildProcess, Supervisor
from gatebench.execution.topology.topology import Topology
from gatebench.plan import TargetPlan
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


def test_what_has_ended_since_it_was_planned_is_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that stood when the run was planned and does not any more is no gateway that fails."""
    monkeypatch.setenv("GATEBENCH_STATE", str(tmp_path))
    plan = make_plan(RunRequest(scenario="smoke", target="reference", seed=1), Content(), Known())
    gone = TargetPlan(name="up:mine", url="http://127.0.0.1:9", standing=str(tmp_path / "mine"))
    plan = plan.model_copy(update={"target": gone})
    with pytest.raises(EnvironmentFailure, match="up:mine has ended since this was planned"):
        Topology(plan, RunFolder.create(tmp_path, plan), cast("Supervisor", None)).start()
