"""Ten thousand gates out of forty real pairs: how often the rule alarms, passes and stops, on this machine's own noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gatebench.comparing.judging import look, upper_bound
from gatebench.comparing.line import Floats, Measure
from gatebench.comparing.looks import Looks
from gatebench.comparing.order import turns
from gatebench.stats import block_length

CHUNK = 2_000


@dataclass(frozen=True)
class Identical:
    """Rounds of identical builds: what the run that came first in each pair measured, and the second; (pairs, measures).

    `rows`: the requests behind each share, NaN for other measures; None when nobody knows them.
    """

    measures: tuple[Measure, ...]
    first: Floats
    second: Floats
    rows: Floats | None = None

    @property
    def residuals(self) -> Floats:
        """How much worse the second of each pair was than the first, on the scale of each measure; (pairs, measures)."""
        columns = (m.worse(self.first[:, i], self.second[:, i]) for i, m in enumerate(self.measures))
        return np.stack(list(columns), axis=-1)


@dataclass(frozen=True)
class Effect:
    """A change that is put on the head: times `factor`, plus `added` in the metric's unit, on measures of this metric."""

    metric: str
    factor: float = 1.0
    added: float = 0.0


@dataclass(frozen=True)
class Simulated:
    """What became of `gates` gates: how many alarmed, passed, could not tell; the pairs they took together; of how many
    intervals per measure the truth was inside, (measures,).
    """

    gates: int
    alarms: int
    passes: int
    open: int
    pairs: int
    covered: Floats
    regressed: Floats

    def __add__(self, other: Simulated) -> Simulated:
        both = {name: mine + getattr(other, name) for name, mine in vars(self).items()}
        return Simulated(**both)


def longest_block(rounds: Identical) -> int:
    """Return how many neighbouring pairs are drawn together: as long as the longest memory of any residual."""
    columns = [column for column in rounds.residuals.T if np.ptp(column) > 0]
    return max((block_length(column) for column in columns), default=1)


def simulate(rounds: Identical, looks: Looks, gates: int, seed: int, effects: Sequence[Effect] = ()) -> Simulated:
    """Play `gates` gates on pairs that are drawn from real ones in circular blocks (Politis and Romano, "A Circular
    Block-Resampling Procedure for Stationary Data", 1992).

    Whole pairs are drawn with all their measures, so what the measures of a round share stays shared; blocks keep drift
    and memory between neighbours. Which of a pair is base and which head follows from its place in the order of a gate, as live,
    and no residual is centred: what the order itself does to the second run of a pair is part of what is tested.
    """
    generator = np.random.default_rng(seed)
    length = min(longest_block(rounds), len(rounds.first))
    total = Simulated(0, 0, 0, 0, 0, *(np.zeros(len(rounds.measures)) for _ in range(2)))
    for begun in range(0, gates, CHUNK):
        count = min(CHUNK, gates - begun)
        base, head, rows = _drawn(rounds, looks.most, count, length, generator)
        for effect in effects:
            for place, measure in enumerate(rounds.measures):
                if measure.metric == effect.metric:
                    more = _added(measure, effect, None if rows is None else rows[..., place], generator)
                    head[..., place] = head[..., place] * effect.factor + more
        total += play(rounds.measures, looks, (base, head, rows), effects)
    return total


def passing_bounds(rounds: Identical, looks: Looks, gates: int, seed: int) -> Floats:
    """Return for each of `gates` gates on identical builds the least tolerance at which it lets each measure pass, on the
    scale of `Measure.worse`; (gates, measures).

    A measure passes at the first look whose one-sided upper bound lies at or below the tolerance, so the least of these
    bounds over the looks is the tolerance that was just enough.
    """
    generator = np.random.default_rng(seed)
    length = min(longest_block(rounds), len(rounds.first))
    found = []
    for begun in range(0, gates, CHUNK):
        base, head, rows = _drawn(rounds, looks.most, min(CHUNK, gates - begun), length, generator)
        bounds = [
            upper_bound(rounds.measures, base[:, :after], head[:, :after], share, _some(rows, after))
            for after, share in zip(looks.pairs, looks.shares, strict=True)
        ]
        found.append(np.min(bounds, axis=0))
    return np.concatenate(found)


def _drawn(
    rounds: Identical, pairs: int, gates: int, length: int, generator: np.random.Generator
) -> tuple[Floats, Floats, Floats | None]:
    there = len(rounds.first)
    blocks = -(-pairs // length)
    starts = generator.integers(0, there, (gates, blocks, 1))
    places = ((starts + np.arange(length)) % there).reshape(gates, -1)[:, :pairs]
    first, second = rounds.first[places], rounds.second[places]
    turned = turns(pairs)[None, :, None] ^ (generator.random((gates, 1, 1)) < 0.5)
    rows = None if rounds.rows is None else rounds.rows[places]
    return np.where(turned, second, first), np.where(turned, first, second), rows


def _added(measure: Measure, effect: Effect, rows: Floats | None, generator: np.random.Generator) -> Floats | float:
    """Return what an effect adds to each head. Of a share whose requests are counted it is as many events as chance has
    among them: requests that fail one time in a hundred do not fail equally often in every round.
    """
    if rows is None or not measure.counted or not np.isfinite(rows).all() or not effect.added:
        return effect.added
    drawn = generator.binomial(rows.astype(np.int64), min(1.0, abs(effect.added))) / np.maximum(rows, 1)
    return np.asarray(np.sign(effect.added) * drawn)


def _some(rows: Floats | None, pairs: int) -> Floats | None:
    return None if rows is None else rows[:, :pairs]


def play(
    measures: Sequence[Measure],
    looks: Looks,
    drawn: tuple[Floats, Floats, Floats | None],
    effects: Sequence[Effect] = (),
) -> Simulated:
    """Play gates on given pairs: base, head and rows (None: unknown) of shape (gates, pairs, measures). `effects` say what
    is in the head already; intervals are held against it.
    """
    base, head, rows = drawn
    gates, count = len(base), len(measures)
    running = np.ones(gates, np.bool_)
    passed = np.zeros((gates, count), np.bool_)
    alarmed, green = np.zeros(gates, np.bool_), np.zeros(gates, np.bool_)
    covered, regressed = np.zeros(count), np.zeros(count)
    pairs = 0
    for after, share in zip(looks.pairs, looks.shares, strict=True):
        who = np.flatnonzero(running)
        if not len(who):
            break
        seen = base[who, :after], head[who, :after]
        shown = look(measures, *seen, share, rows=None if rows is None else rows[who, :after])
        passed[who] |= shown.not_worse | shown.improved
        red = shown.regressed.any(axis=-1)
        calm = ~red & passed[who].all(axis=-1)
        last = after == looks.most
        ending = red | calm | last
        truth = np.stack([_truth(m, seen[0][..., i], effects) for i, m in enumerate(measures)], axis=-1)
        inside = (shown.low <= truth + 1e-12) & (truth - 1e-12 <= shown.high)
        covered += inside[ending].sum(axis=0)
        regressed += shown.regressed[ending].sum(axis=0)
        alarmed[who[red]], green[who[calm]] = True, True
        pairs += after * int(ending.sum())
        running[who[ending]] = False
    alarms, passes = int(alarmed.sum()), int(green.sum())
    return Simulated(gates, alarms, passes, gates - alarms - passes, pairs, covered, regressed)


def _truth(measure: Measure, base: Floats, effects: Sequence[Effect]) -> Floats:
    """The change that was put on, on the scale of the measure, at the level of the base's rounds."""
    changed = base
    for effect in effects:
        if effect.metric == measure.metric:
            changed = changed * effect.factor + effect.added
    return np.asarray(measure.worse(base, changed).mean(axis=-1))
