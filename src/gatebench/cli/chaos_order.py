"""An order to a run or topology: who is meant, what it has against it, and that it is taken back when we are interrupted."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import typer

if TYPE_CHECKING:
    from gatebench.errors import Problem
    from gatebench.execution.desk_state import DeskState
    from gatebench.plan import PlannedFault


def desk_named(name: str | None, problems: list[Problem]) -> DeskState | None:
    """Return the run or topology that is meant."""
    from gatebench.errors import Problem
    from gatebench.execution.desk_state import desks

    there = [desk for desk in desks() if desk.lives]
    chosen = [desk for desk in there if name in (None, desk.name)]
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(desk.name for desk in there)
    if not there:
        what, cure = (
            "nothing runs or stands here.",
            "Start something: bench up --target reference. Or name a Toxiproxy: --engine URL.",
        )
    elif name is None:
        what, cure = "several run or stand here.", f"Name one: {names}."
    else:
        what, cure = "nothing of this name runs or stands.", f"There is: {names}."
    problems.append(Problem("--in" if name is None else f"--in {name}", what, cure))
    return None


def stop_if(problems: list[Problem], *, as_json: bool) -> None:
    """End with exit code 2 when there are problems; each is said once."""
    if problems:
        refuse([str(problem) for problem in dict.fromkeys(problems)], problems, as_json=as_json)


def refuse(sentences: list[str], problems: list[Problem], *, as_json: bool) -> NoReturn:
    """Say every problem and end with exit code 2."""
    from gatebench.cli import say

    say.problems(problems)
    if as_json:
        sys.stdout.write(json.dumps({"schema": "gatebench.chaos/1", "exit_code": 2, "problems": sentences}) + "\n")
    raise typer.Exit(2)


@contextlib.contextmanager
def taken_back(desk: DeskState) -> Iterator[str]:
    """Yield a ticket; should somebody interrupt us, what was ordered under it is cleared before we go."""
    import secrets

    from gatebench.execution.desk_client import ask, note

    def interrupted(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupted)
    ticket = secrets.token_hex(8)
    try:
        yield ticket
    except KeyboardInterrupt:
        cleared = ask(desk, {"op": "clear", "ticket": ticket}).get("cleared", [])
        note("interrupted", topology=desk.name, cleared=cleared)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def ordered(desk: DeskState, windows: list[PlannedFault], ticket: str, *, as_json: bool) -> dict[str, Any]:
    """Hand the faults to the desk; what it has against them is a refusal like any other."""
    from gatebench.errors import Problem
    from gatebench.execution.desk_client import ask, note

    faults = [fault.model_dump(mode="json") for fault in windows]
    answer = ask(desk, {"op": "inject", "faults": faults, "ticket": ticket})
    if "problems" in answer:
        note("refused", topology=desk.name, problems=answer["problems"])
        problems = [Problem(desk.name, text, "") for text in answer["problems"]]
        refuse(answer["problems"], problems, as_json=as_json)
    return answer
