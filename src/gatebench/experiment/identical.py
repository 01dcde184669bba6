"""From identical rounds to their noise: reads an experiment of `bench aa`, pair by pair, in the order of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gatebench.comparing.line import Better
from gatebench.execution.provenance import machine_kind
from gatebench.experiment.noise import Noise, Series, rounded
from gatebench.experiment.record import ExperimentFolder, ExperimentRecord, Round
from gatebench.experiment.rounds import complete_pairs
from gatebench.run.summary import MetricValue, Summary

SIDES: Final = ("A", "B")
"""Both are the same target."""

_Key = tuple[str, str | None]


def noise_of(folder: ExperimentFolder, record: ExperimentRecord) -> Noise:
    """Return what the complete pairs of an experiment with identical sides measured; without any pair it is empty."""
    scenario, side = record.scenarios[0], record.sides[0]
    found = [sorted(pair.values(), key=lambda one: one.order) for pair in complete_pairs(record, scenario, SIDES)]
    pairs = [(rounds, read) for rounds in found if (read := _read(folder, rounds)) is not None]
    noise = Noise(
        scenario=scenario,
        target=side.target,
        settings=side.settings,
        created=record.created,
        pair_s=[round(sum(one.took_s for one in rounds), 3) for rounds, _ in pairs],
        turned=[rounds[0].side != SIDES[0] for rounds, _ in pairs],
        series=_series([(_known(first), _known(second)) for _, (first, second) in pairs]),
    )
    run = folder.run(pairs[0][0][0]) if pairs else None
    if run is not None:
        made = run.load()
        noise.scenario_digest, noise.engine = made.plan.scenario_digest, made.plan.engine.kind
        noise.gatebench = str(made.provenance.get("gatebench", ""))
        noise.machine = machine_kind(made.provenance.get("machine") or {})
    return noise


def _read(folder: ExperimentFolder, rounds: Sequence[Round]) -> tuple[Summary, Summary] | None:
    first, second = (folder.summary(one) for one in rounds)
    return None if first is None or second is None else (first, second)


def _known(summary: Summary) -> Mapping[_Key, MetricValue]:
    """Return the known numbers that can become worse, in phases with load that is judged, and of the whole run."""
    warmups = {phase.name for phase in summary.phases if phase.role == "warmup"}
    return {
        (value.name, value.phase): value
        for value in summary.metrics
        if value.status == "known"
        and value.value is not None
        and value.better != "neither"
        and value.route is None
        and value.phase not in warmups
    }


def _series(pairs: Sequence[tuple[Mapping[_Key, MetricValue], Mapping[_Key, MetricValue]]]) -> list[Series]:
    keys: dict[_Key, MetricValue] = {}
    for pair in pairs:
        for side in pair:
            keys.update({key: value for key, value in side.items() if key not in keys})
    found = []
    for key, value in sorted(keys.items(), key=lambda item: (item[0][0], item[0][1] or "")):
        firsts, seconds = ([pair[place].get(key) for pair in pairs] for place in (0, 1))
        better: Better = "higher" if value.better == "higher" else "lower"
        found.append(
            Series(
                metric=value.name,
                phase=value.phase,
                title=value.title,
                unit=value.unit,
                better=better,
                first=rounded([one.value if one else None for one in firsts]),
                second=rounded([one.value if one else None for one in seconds]),
                rows=[one.n if one else 0 for one in seconds] if value.unit == "share" else [],
            )
        )
    return found
