"""`bench gate` on runs that are there: a candidate's rounds against a baseline's, paired by their seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gatebench.comparing.gated import Gated
from gatebench.comparing.looks import plan_looks
from gatebench.comparing.tolerance import Tolerance
from gatebench.errors import Problem
from gatebench.experiment.baselines import load_baseline
from gatebench.experiment.concluding import Pair, conclude
from gatebench.experiment.gate import HEAD
from gatebench.experiment.record import ExperimentFolder
from gatebench.experiment.stored import Stored, is_experiment, read_experiment, read_round, read_run
from gatebench.experiment.tolerances import Said, noise_of, under_the_noise
from gatebench.plan import Plan

_SAME: Final = ("phases", "faults", "traffic", "lanes", "objective", "load", "providers")
_NOT_LOAD: Final = {"scheduled", "scheduled_by_phase", "listen", "join_within_s"}
_NOT_INTERLEAVED: Final = (
    "These rounds were not made in turn: whatever the machine did differently in between counts as a change of the gateway. "
    "`bench gate --scenario S --target NEW --baseline-target OLD` does not have this doubt."
)


@dataclass(frozen=True)
class Group:
    """The rounds of one side: those that count and those that do not; `incomplete` says why an experiment is not whole."""

    name: str
    rounds: tuple[Stored, ...]
    tolerances: tuple[str, ...] = ()
    incomplete: str = ""

    @property
    def valid(self) -> list[Stored]:
        """The rounds that count."""
        return [one for one in self.rounds if one.valid]


@dataclass(frozen=True)
class StoredPair:
    """Two groups that may be compared, with what is tolerated, and what has to be said."""

    base: Group
    head: Group
    tolerances: tuple[Tolerance, ...]
    notes: tuple[str, ...]


def read_groups(
    candidates: Sequence[Path],
    baseline: Sequence[str],
    workspace: Path,
    *,
    command_line: Sequence[str],
    table: Sequence[str],
    problems: list[Problem],
) -> StoredPair | None:
    """Read both groups and see whether they may be compared; every problem goes to `problems`, and then there is nothing."""
    head = _candidates(candidates, problems)
    base = _baseline(baseline, workspace, problems)
    problems += [
        Problem(group.name, "holds no round.", "Name run folders, or an experiment that made some.")
        for group in (base, head)
        if group is not None and not group.rounds
    ]
    if problems or base is None or head is None:
        return None
    if not (base.valid and head.valid):
        return StoredPair(base, head, (), ())
    _comparable(base, head, problems)
    plan = base.valid[0].record.plan
    phases = [phase.name for phase in plan.phases if phase.role != "warmup"]
    said = Said(command_line, base.tolerances, table)
    tolerances = said.read(phases, len(plan.lanes) > 1, problems)
    noise = noise_of(workspace, plan.scenario, base.valid[0].target)
    pairs = len({one.summary.seed for one in base.valid})
    notes = [_NOT_INTERLEAVED, *_differences(base.valid[0], head.valid[0])]
    if noise is not None and noise.why_not:
        notes.append(noise.why_not)
    elif noise is not None:
        problems += under_the_noise(noise, tolerances, phases, pairs)
    if command_line and base.tolerances:
        notes.append(f"The command line goes over the baseline's own tolerances: {', '.join(command_line)}.")
    return None if problems else StoredPair(base, head, tuple(tolerances), tuple(notes))


def judge_stored(groups: StoredPair, command: Sequence[str]) -> Gated:
    """Pair the rounds by their seeds, judge them in one look, and return what was found."""
    base, head = groups.base, groups.head
    pairs, notes = pair_by_seed(base.valid, head.valid)
    reasons = [f"{group.name} is not whole: {group.incomplete}." for group in (base, head) if group.incomplete]
    reasons += [
        f"{group.name}: no round can be trusted: {group.rounds[0].why.rstrip('.')}."
        for group in (base, head)
        if not group.valid
    ]
    for group, seeds in ((base, _seeds(head)), (head, _seeds(base))):
        good = _seeds(group)
        reasons += [
            f"{group.name}: {one.path.name} cannot be trusted: {one.why.rstrip('.')}."
            for one in group.rounds
            if not one.valid and one.summary.seed not in good and one.summary.seed in seeds and group.valid
        ]
    looks = plan_looks(max(len(pairs), 1), sequential=False)
    conclusion = conclude(pairs, groups.tolerances, looks) if pairs else None
    first = next(iter(base.rounds)).summary
    return Gated(
        subject=f"{first.scenario} on {next(iter(head.rounds)).target}",
        base=base.name,
        head=head.name,
        how="stored",
        lines=conclusion.lines if conclusion else (),
        checks=conclusion.checks if conclusion else (),
        pairs=len(pairs),
        planned=len(pairs),
        code=3 if reasons or conclusion is None else conclusion.code,
        looks=tuple(zip(looks.pairs, looks.shares, strict=True)),
        reasons=tuple(reasons),
        notes=(*groups.notes, *notes),
        command=tuple(command),
    )


def pair_by_seed(base: Sequence[Stored], head: Sequence[Stored]) -> tuple[list[Pair], list[str]]:
    """Return a pair for every round of base, the head's of the same seed beside it or None, and what is left over in words."""
    left = list(head)
    pairs: list[Pair] = []
    missing = []
    for one in base:
        other = next((candidate for candidate in left if candidate.summary.seed == one.summary.seed), None)
        if other is None:
            missing.append(one.summary.seed)
        else:
            left.remove(other)
        pairs.append((one.summary, other.summary if other else None))
    notes = []
    if missing:
        notes.append(
            f"The candidate has no round with the seed {_listed(missing)} of the baseline; a missing round is never a pass."
        )
    if left:
        seeds = _listed([one.summary.seed for one in left])
        notes.append(f"Rounds of the candidate with the seed {seeds} have no partner in the baseline and are left out.")
    return pairs, notes


def _candidates(paths: Sequence[Path], problems: list[Problem]) -> Group | None:
    found: list[Stored] = []
    incomplete = ""
    for path in paths:
        if is_experiment(path):
            rounds, why = _experiment(path, problems)
            found += rounds
            incomplete = incomplete or why
            continue
        one = read_run(path, problems)
        if one is not None:
            found.append(one)
    name = paths[0].name if len(paths) == 1 else f"{len(paths)} folders, {paths[0].name} first"
    return Group(name, tuple(found), incomplete=incomplete)


def _experiment(path: Path, problems: list[Problem]) -> tuple[list[Stored], str]:
    """Return the rounds of an experiment with one side, or of a gate's head, and why it is not whole."""
    record = read_experiment(path, problems)
    if record is None:
        return [], ""
    labels = [side.label for side in record.sides]
    wanted = HEAD if record.kind == "gate" and HEAD in labels else labels[0]
    if len(labels) > 1 and record.kind != "gate":
        cure = f"Name the run folders of one of them; they lie in {path / 'rounds'}."
        problems.append(Problem(str(path), f"holds rounds of several sides: {', '.join(labels)}.", cure))
        return [], ""
    folder = ExperimentFolder(path)
    found = []
    for one in sorted(record.rounds, key=lambda one: one.order):
        if one.side == wanted:
            _, stored = read_round(folder, one)
            if stored is not None:
                found.append(stored)
    whole = record.status == "finished"
    return found, "" if whole else f"{path.name} is {record.status}"


def _baseline(names: Sequence[str], workspace: Path, problems: list[Problem]) -> Group | None:
    """Return the baseline: a name, or one or several folders."""
    if len(names) > 1:
        return _candidates([Path(name) for name in names], problems)
    found = load_baseline(names[0], workspace, problems)
    if found is None:
        return None
    folder = ExperimentFolder(found.path)
    stored = [read_round(folder, one)[1] for one in found.rounds]
    kept = found.record.result.get("baseline", {})
    return Group(names[0], tuple(one for one in stored if one is not None), tuple(kept.get("tolerances", ())))


def _seeds(group: Group) -> set[int]:
    return {one.summary.seed for one in group.valid}


def _listed(seeds: Sequence[int]) -> str:
    shown = ", ".join(str(seed) for seed in seeds[:5])
    return shown + (f" and {len(seeds) - 5} more" if len(seeds) > 5 else "")


def _comparable(base: Group, head: Group, problems: list[Problem]) -> None:
    """Refuse groups that were not asked the same."""
    scenarios = sorted({one.summary.scenario for one in (*base.valid, *head.valid)})
    if len(scenarios) > 1:
        cure = "Compare runs of one scenario."
        problems.append(Problem(head.name, f"the runs are of different scenarios: {', '.join(scenarios)}.", cure))
        return
    wanted = _asked(base.valid[0].record.plan)
    for one in (*base.valid[1:], *head.valid):
        asked = _asked(one.record.plan)
        other = [part for part in _SAME if asked[part] != wanted[part]]
        if other:
            cure = "Make the runs again with the baseline's scenario, or save a new baseline."
            what = f"was made with another {', '.join(other)} of {scenarios[0]} than the baseline."
            problems.append(Problem(one.path.name, what, cure))
    if not _seeds(base) & _seeds(head):
        cure = f"Give the candidate the baseline's: --seed {min(_seeds(base))}."
        what = f"has none of the baseline's seeds ({_listed(sorted(_seeds(base)))}), so that no two rounds are a pair."
        problems.append(Problem(head.name, what, cure))


def _asked(plan: Plan) -> Mapping[str, Any]:
    """Return what a plan asks of its target, without what follows from the seed."""
    parts = plan.model_dump(mode="json", include=set(_SAME))
    parts["load"] = {key: value for key, value in parts["load"].items() if key not in _NOT_LOAD}
    parts["faults"] = sorted({(fault["name"], fault["on"], fault["phase"]) for fault in parts["faults"]})
    return parts


def _differences(base: Stored, head: Stored) -> list[str]:
    """Return a sentence for everything about machine, engine and harness that is not the same on both sides."""
    ours, theirs = _made_with(base), _made_with(head)
    return [
        f"Not the same on both sides: {what} was {ours[what]} for the baseline and {theirs[what]} for the candidate."
        for what in ours
        if ours[what] != theirs[what]
    ]


def _made_with(one: Stored) -> dict[str, object]:
    machine = one.record.provenance.get("machine")
    kind = machine if isinstance(machine, dict) else {}
    return {
        "gatebench": one.record.provenance.get("gatebench"),
        "the engine": one.summary.engine,
        "Python": one.record.provenance.get("python"),
        **{f"the machine's {key}": kind.get(key) for key in ("processor", "cores", "architecture", "system")},
    }
