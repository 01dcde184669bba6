"""What identical rounds prove: how often gates alarm without a cause, what they see, and what they cost. From the noise alone,
so that anybody can repeat it from the file that is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from gatebench.comparing.alarms import Counted, consecutive, counted, plain_rule
from gatebench.comparing.line import Floats, Line, Measure
from gatebench.comparing.looks import ALPHA, DEFAULT_PAIRS, Looks, plan_looks
from gatebench.comparing.power import detectable
from gatebench.comparing.simulation import Effect, Identical, Simulated, longest_block, simulate
from gatebench.comparing.spread import spread
from gatebench.comparing.tolerance import Tolerance
from gatebench.experiment.findings import Alarms, Detectable, Findings, MeasureNoise, Scene
from gatebench.experiment.noise import LEAST_ROUNDS, Noise

GATES: Final = 10_000
SEARCHED: Final = 2_000
"""Gates at each step of the search for the smallest change that is seen."""

PLAIN: Final = ("response_p99_ms", 1.1)
SLOWER: Final = (0.05, 0.1, 0.2, 0.5)
LATER_MS: Final = 0.3
POWERS: Final = (0.8, 0.95)
_MS: Final = {"ms": 1.0, "s": 1e-3}


def study(
    noise: Noise, tolerances: Sequence[Tolerance], *, pairs: int = DEFAULT_PAIRS, gates: int = GATES, seed: int = 1
) -> Findings:
    """Return what `noise` proves about gates of `pairs` pairs with these tolerances, from `gates` simulated gates a scene.

    ValueError when no measure has enough rounds; ask `measurable` first.
    """
    wanted, left_out = measurable(noise, tolerances)
    rounds = joined(noise, wanted)
    looks = plan_looks(pairs)
    there = len(noise.pair_s)
    live = consecutive(lines_of(noise, wanted), looks)
    scenes, not_played = _scenes(noise, wanted)
    stage = _Stage(rounds, looks, gates, seed)
    findings = Findings(
        scenario=noise.scenario,
        target=noise.target,
        pairs=there,
        pair_s=float(np.median(noise.pair_s)) if noise.pair_s else 0.0,
        gate_pairs=pairs,
        looks=list(looks.pairs),
        shares=list(looks.shares),
        alpha=ALPHA,
        tolerances=[str(one.tolerance) for one in wanted],
        gates=gates,
        seed=seed,
        block=min(longest_block(rounds), len(rounds.first)),
        live=_alarms(counted(sum(one.exit_code == 1 for one in live), len(live))),
        live_words=[one.word for judgement in live for one in judgement.lines],
        live_passed=sum(one.exit_code == 0 for one in live),
        plain=_plain(noise),
        bare=stage.bare(),
        scenes=[_scene(name, effects, stage) for name, effects in scenes],
        measures=[_measured(noise, rounds, one, pairs, seed) for one in wanted],
        left_out=[*left_out, *not_played],
    )
    findings.sentences = list(findings.said())
    return findings


def measurable(noise: Noise, tolerances: Sequence[Tolerance]) -> tuple[list[Measure], list[str]]:
    """Return the measures that enough rounds know, and a sentence for each of the others."""
    wanted, left_out = [], []
    measures = noise.measures(tolerances)
    for one in measures:
        rounds = noise.of(one)
        there = 0 if rounds is None else len(rounds.first)
        if there < max(LEAST_ROUNDS, 0.8 * len(noise.pair_s)):
            left_out.append(f"{one.label} is left out: {there} of {len(noise.pair_s)} pairs know it on both sides.")
        else:
            wanted.append(one)
    left_out += [
        f"{tolerance} is left out: no round knows it there, or another tolerance stands before it."
        for tolerance in tolerances
        if not any(one.tolerance is tolerance for one in measures)
    ]
    return wanted, left_out


def joined(noise: Noise, wanted: Sequence[Measure]) -> Identical:
    """Return the pairs in which every measure is known on both sides; ValueError when they are too few."""
    parts = [noise.find(one.metric, one.phase) for one in wanted]
    series = [one for one in parts if one is not None]
    first = np.array([one.pairs()[0] for one in series]).T
    second = np.array([one.pairs()[1] for one in series]).T
    rows = np.array([one.behind(measure) for one, measure in zip(series, wanted, strict=True)]).T
    if first.ndim != 2 or not series:
        raise ValueError("nothing was measured that could be gated")
    found = Identical(tuple(wanted), first, second, rows)
    fine = np.isfinite(found.residuals).all(axis=1)
    if int(fine.sum()) < LEAST_ROUNDS:
        raise ValueError(f"{int(fine.sum())} pairs are too few; it takes {LEAST_ROUNDS}")
    return Identical(tuple(wanted), first[fine], second[fine], rows[fine])


def lines_of(noise: Noise, wanted: Sequence[Measure]) -> list[Line]:
    """Return the lines of side A against side B, as a live gate would have had them."""
    turned = np.array(noise.turned or [False] * len(noise.pair_s), np.bool_)
    found = []
    for measure in wanted:
        series = noise.find(measure.metric, measure.phase)
        if series is not None:
            first, second = series.pairs()
            base, head = np.where(turned, second, first), np.where(turned, first, second)
            found.append(Line(measure, base, head, series.behind(measure) if measure.counted else None))
    return found


def _alarms(found: Counted) -> Alarms:
    return Alarms(count=found.count, of=found.of, low=found.low, high=found.high)


def _plain(noise: Noise) -> Alarms | None:
    """Count the alarms of "+10 % on p99" in every pair, in the first phase that has one."""
    name, factor = PLAIN
    known = [one for one in noise.series if one.metric == name]
    chosen = next((one for one in known if one.phase is not None), known[0] if known else None)
    if chosen is None:
        return None
    line = lines_of(noise, [Measure(name, "", chosen.unit, "lower", chosen.phase, Tolerance(name, relative=0.1))])[0]
    fired = plain_rule(line.base, line.head, factor)
    return _alarms(counted(int(fired.sum()), len(fired)))


def _scenes(noise: Noise, wanted: Sequence[Measure]) -> tuple[list[tuple[str, list[Effect]]], list[str]]:
    """Return the changes that are played, by name, and a sentence for those that no measure here would show."""
    scenes: list[tuple[str, list[Effect]]] = [("nothing", [])]
    left_out = []
    for share in SLOWER:
        effects = [effect for one in wanted if (effect := _slower(noise, one, share)) is not None]
        if effects:
            scenes.append((f"+{share * 100:g} % on p95", effects))
    if len(scenes) == 1:
        left_out.append("No measure here holds the p95 of responses, so changes of it were not played.")
    later = [
        Effect(one.metric, added=LATER_MS * _MS[one.unit])
        for one in wanted
        if one.unit in _MS and one.better == "lower"
    ]
    if later:
        scenes.append((f"+{LATER_MS:g} ms on all times", _once(later)))
    return [(name, _once(effects)) for name, effects in scenes], left_out


def _slower(noise: Noise, measure: Measure, share: float) -> Effect | None:
    """Return what responses whose p95 is slower by `share` do to a measure: it grows by that share if it is the p95, by
    that share of the p95's level if it is what the gateway adds to it.
    """
    if measure.metric == "response_p95_ms":
        return Effect(measure.metric, factor=1 + share)
    level = noise.find("response_p95_ms", measure.phase)
    if measure.metric != "overhead_p95_ms" or level is None:
        return None
    return Effect(measure.metric, added=share * float(np.nanmedian(np.concatenate(level.pairs()))))


def _once(effects: Sequence[Effect]) -> list[Effect]:
    """Return one effect a metric: the simulation puts it on all of the metric's phases."""
    return list({one.metric: one for one in reversed(effects)}.values())[::-1]


@dataclass(frozen=True)
class _Stage:
    """What all scenes have in common."""

    rounds: Identical
    looks: Looks
    gates: int
    seed: int

    def play(self, effects: Sequence[Effect] = ()) -> Simulated:
        return simulate(self.rounds, self.looks, self.gates, self.seed, effects)

    def bare(self) -> Alarms:
        """Count the alarms where nothing changed and nothing is tolerated, so that the test has to hold by itself."""
        strict = tuple(Strict(**vars(one)) for one in self.rounds.measures)
        rounds = Identical(strict, self.rounds.first, self.rounds.second, self.rounds.rows)
        return _alarms(counted(simulate(rounds, self.looks, self.gates, self.seed).alarms, self.gates))


class Strict(Measure):
    """A measure of which nothing is tolerated, not even what lies under the instruments' floor."""

    def margin(self, base: Floats) -> Floats:
        """Return zeros."""
        return np.zeros(base.shape[:-1])


def _scene(name: str, effects: list[Effect], stage: _Stage) -> Scene:
    rounds, gates = stage.rounds, stage.gates
    found = stage.play(effects)
    worst = int(found.covered.min())
    return Scene(
        change=name,
        alarms=_alarms(counted(found.alarms, gates)),
        passed=found.passes / gates,
        undecided=found.open / gates,
        mean_pairs=found.pairs / gates,
        covered=_alarms(counted(worst, gates)),
        covered_label=rounds.measures[int(found.covered.argmin())].label,
    )


def _measured(noise: Noise, rounds: Identical, measure: Measure, pairs: int, seed: int) -> MeasureNoise:
    place = rounds.measures.index(measure)
    first, second = rounds.first[:, place], rounds.second[:, place]
    found = spread(measure, first, second)
    if found is None:
        raise ValueError(f"{measure.label}: too few pairs")
    both: Floats = np.concatenate([first, second])
    sizes = dict.fromkeys((pairs, max(pairs, len(noise.pair_s))))
    return MeasureNoise(
        label=measure.label,
        title=measure.title,
        unit=measure.unit,
        relative=measure.relative,
        **vars(found),
        tolerance=str(measure.tolerance),
        margin=float(measure.margin(both)),
        floor=noise.floor(measure, pairs),
        detectable=[one for size in sizes for one in _seen(rounds, measure, size, seed)],
    )


def _seen(rounds: Identical, measure: Measure, pairs: int, seed: int) -> list[Detectable]:
    """Return the smallest change that is seen in so many pairs, for each of `POWERS`, the least first."""
    found: list[Detectable] = []
    for power in POWERS:
        least = found[-1].change or 0.0 if found else 0.0
        looks = plan_looks(pairs)
        size = detectable(rounds, measure, looks, power, gates=SEARCHED, seed=seed, least=least)
        found.append(Detectable(pairs=pairs, power=power, change=size))
    return found
