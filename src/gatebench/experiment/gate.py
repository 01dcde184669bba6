"""`bench gate` live: base and head in turn on this machine, until it is known whether head is worse."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gatebench.analysis.exporters.document import document
from gatebench.comparing.gated import Gated
from gatebench.comparing.looks import DEFAULT_PAIRS, LEAST_PAIRS, Looks, plan_looks
from gatebench.comparing.tolerance import Tolerance
from gatebench.content import Content
from gatebench.errors import ConfigurationError, Ending, EnvironmentFailure, Interrupted, Problem
from gatebench.execution.asking import RunRequest
from gatebench.execution.planning import make_plan
from gatebench.experiment.concluding import Conclusion, Pair, conclude
from gatebench.experiment.making import Made, Making
from gatebench.experiment.record import ExperimentFolder, Round, Side
from gatebench.experiment.rounds import Books, Course, Ended, complete_pairs, play
from gatebench.experiment.tolerances import Said, noise_of, under_the_noise
from gatebench.experiment.versions import Version
from gatebench.plan import Plan
from gatebench.run.summary import Summary

BASE: Final = "base"
HEAD: Final = "head"
SIDES: Final = (BASE, HEAD)
LEAST: Final = 2
MOST: Final = 200
_NO_CODE: Final = 3
_TAIL: Final = 8


@dataclass(frozen=True)
class Order:
    """A live gate as it was asked for. `contents` are those of each side's target; the scenario comes from the base's.

    `shared` are the scenario's own settings, for both sides; `options` those of `RunRequest` that both have.
    """

    scenario: str
    base: Version
    head: Version
    contents: Mapping[str, Content]
    pairs: int
    seed: int
    said: Said
    sequential: bool = True
    shared: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def version(self, side: str) -> Version:
        """Return the version of a side."""
        return self.base if side == BASE else self.head

    def plan(self, side: str, seed: int) -> Plan:
        """Return the plan of a side for a seed; ConfigurationError holds every problem."""
        from gatebench.analysis.metrics import known_metrics

        version = self.version(side)
        settings = {**self.shared, **version.settings}
        request = RunRequest(
            scenario=self.scenario, target=version.target, seed=seed, settings=settings, **self.options
        )
        return make_plan(request, self.contents[side], known_metrics())


@dataclass(frozen=True)
class Prepared:
    """A gate that can begin: the first plan of each side, what is tolerated, when it looks, and what has to be said."""

    order: Order
    plans: Mapping[str, Plan]
    tolerances: tuple[Tolerance, ...]
    looks: Looks
    notes: tuple[str, ...] = ()
    place: str = ""


def prepare(order: Order, workspace: Path, problems: list[Problem]) -> Prepared | None:
    """Plan the first pair and read the tolerances; every problem at once goes to `problems`, and then there is nothing."""
    if not LEAST <= order.pairs <= MOST:
        cure = f"Leave it out for {DEFAULT_PAIRS}; fewer than {LEAST_PAIRS} show next to nothing."
        problems.append(Problem(f"--pairs {order.pairs}", f"must lie between {LEAST} and {MOST}.", cure))
    plans: dict[str, Plan] = {}
    for side in SIDES:
        try:
            plans[side] = order.plan(side, order.seed)
        except ConfigurationError as error:
            problems.extend(error.problems)
    if len(plans) < len(SIDES):
        order.said.read(None, False, problems)
        return None
    problems += _unlike(order, plans)
    base = plans[BASE]
    phases = [phase.name for phase in base.phases if phase.role != "warmup"]
    tolerances = order.said.read(phases, len(base.lanes) > 1, problems)
    notes = list(order.notes)
    noise = noise_of(workspace, order.scenario, order.base.target)
    if noise is not None and noise.why_not:
        notes.append(noise.why_not)
    elif noise is not None:
        problems += under_the_noise(noise, tolerances, phases, order.pairs)
    if order.base.commit and order.base.commit == order.head.commit:
        notes.append("Both versions are the same commit: whatever differs is noise.")
    if problems:
        return None
    looks = plan_looks(order.pairs, sequential=order.sequential)
    return Prepared(order, plans, tuple(tolerances), looks, tuple(notes), _place(order, workspace))


def _place(order: Order, workspace: Path) -> str:
    """Return the file of the workspace that says what is gated: the scenario's, or else the target's; empty without one."""
    for path in (
        workspace / "scenarios" / order.contents[BASE].scenario(order.scenario).path.name,
        workspace / "targets" / order.head.target.partition(":")[0] / "target.toml",
    ):
        if path.is_file():
            return str(path.relative_to(workspace))
    return ""


def _unlike(order: Order, plans: Mapping[str, Plan]) -> Iterable[Problem]:
    """Yield what keeps two plans from being the same question put to two builds."""
    for side, plan in plans.items():
        if plan.not_applicable is not None:
            cure = "Choose a scenario for which both have what it needs, or declare it in target.toml."
            yield Problem(f"{order.scenario} on {side}", f"does not apply: {plan.not_applicable}.", cure)
    base, head = plans[BASE], plans[HEAD]
    if base.scenario_digest != head.scenario_digest:
        cure = "Both sides have to be asked the same."
        yield Problem(order.scenario, "is another one for base and for head.", cure)
    if base.evidence != head.evidence:
        what = f"base is measured with evidence “{base.evidence}”, head with “{head.evidence}”."
        yield Problem(order.scenario, what, "Compare two addresses, or two target folders.")


def play_gate(
    prepared: Prepared,
    folder: ExperimentFolder,
    making: Making,
    said: Callable[[Round, Made], None] = lambda one, made: None,
    begun: Callable[[], None] = lambda: None,
) -> Gated:
    """Make the pairs, stop as soon as it is known, and return what was found; the experiment's record holds it too.

    `begun` is called when the record is there and before the first run: builds go there. What it raises ends the gate.
    """
    order, began = prepared.order, time.monotonic()
    record = folder.new_record(
        "gate",
        making.command,
        scenarios=[order.scenario],
        sides=[_side(order, prepared.plans, side) for side in SIDES],
        pairs=order.pairs,
        seed=order.seed,
    )
    books = Books(folder, record, making)
    summaries: dict[int, Summary | None] = {}

    def pairs() -> list[Pair]:
        found = complete_pairs(record, order.scenario, SIDES)
        return [(_summary(one[BASE]), _summary(one[HEAD])) for one in found]

    def _summary(one: Round) -> Summary | None:
        if one.order not in summaries:
            summaries[one.order] = folder.summary(one)
        return summaries[one.order]

    def settled(complete: int) -> bool:
        return complete in prepared.looks.pairs and conclude(pairs(), prepared.tolerances, prepared.looks).settled

    course = Course(order.scenario, SIDES, _planner(prepared), order.pairs, order.seed)
    try:
        begun()
        ended = play(course, books, settled, said)
    except (Interrupted, KeyboardInterrupt):
        ended = Ended(Interrupted.exit_code, Interrupted("between two runs"))
    except (EnvironmentFailure, ConfigurationError) as error:
        code = error.exit_code if isinstance(error, EnvironmentFailure) else _NO_CODE
        ended = Ended(code, error)
    found = pairs()
    conclusion = conclude(found, prepared.tolerances, prepared.looks)
    code, reasons = _code(prepared, ended, len(found), conclusion, record.rounds)
    record.status = {130: "interrupted", 5: "failed"}.get(code, "finished")  # type: ignore[assignment]  # three of its words
    gated = Gated(
        subject=f"{order.scenario} on {order.head.target}",
        base=order.base.title,
        head=order.head.title,
        how="interleaved",
        lines=conclusion.lines,
        checks=conclusion.checks,
        pairs=len(found),
        planned=order.pairs,
        code=code,
        looks=tuple(zip(prepared.looks.pairs, prepared.looks.shares, strict=True)),
        reasons=tuple(reasons),
        notes=(*prepared.notes, *_left_out(record.rounds)),
        took_s=round(time.monotonic() - began, 1),
        folder=str(folder.path),
        place=prepared.place,
        command=tuple(making.command),
    )
    record.result = document(gated)
    folder.save(record)
    return gated


def _planner(prepared: Prepared) -> Callable[[str, int], Plan]:
    """Return the planner of the series; a scenario that is edited meanwhile ends it, for then the pairs ask different things."""
    order = prepared.order
    digest = prepared.plans[BASE].scenario_digest

    def plan(side: str, seed: int) -> Plan:
        planned = order.plan(side, seed)
        if planned.scenario_digest != digest:
            problem = Problem(order.scenario, "was changed while the gate was running.", "Begin again.")
            raise ConfigurationError([problem])
        return planned

    return plan


def _side(order: Order, plans: Mapping[str, Plan], side: str) -> Side:
    settings = {key: str(value) for key, value in plans[side].target.settings.items()}
    return Side(label=side, target=order.version(side).title, settings=settings)


def _code(
    prepared: Prepared, ended: Ended, pairs: int, conclusion: Conclusion, rounds: Sequence[Round]
) -> tuple[int, list[str]]:
    """Return the exit code, and why where it is not what the numbers show."""
    if ended.code == Interrupted.exit_code:
        return ended.code, [f"Interrupted after {pairs} of {prepared.order.pairs} pairs; nothing can be said."]
    if ended.code:
        return ended.code, _said(ended.error)
    if conclusion.settled:
        return conclusion.code, []
    return _NO_CODE, [
        f"Only {pairs} of {prepared.order.pairs} pairs are complete after {len(rounds)} runs, so that nothing can be said."
    ]


def _said(error: Ending | None) -> list[str]:
    """Return what ended the gate, and the last lines of the log of what would not start."""
    if isinstance(error, EnvironmentFailure):
        return [error.what, *(f"│ {line}" for line in error.log_tail[-_TAIL:] if line.strip())]
    return str(error).splitlines() if error is not None and str(error) else ["A run did not start."]


def _left_out(rounds: Sequence[Round]) -> list[str]:
    """Return a sentence for the rounds that were made again because they could not be trusted."""
    bad = [one for one in rounds if not one.valid]
    if not bad:
        return []
    sides = Counter(one.side for one in bad)
    counted = " and ".join(f"{count} of {side}" for side, count in sides.items())
    return [f"{counted} could not be trusted and count for nothing: {bad[0].why or 'they did not end well'}"]
