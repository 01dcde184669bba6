"""What identical rounds of a scenario measured on this kind of machine: kept in the workspace, and asked by gates.

`bench aa` writes it, in `noise/<scenario>-<target>.json`, small enough for git: one line a number, one value a round.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gatebench import __version__
from gatebench.comparing.line import Better, Floats, Measure
from gatebench.comparing.looks import plan_looks
from gatebench.comparing.simulation import Identical, passing_bounds
from gatebench.comparing.tolerance import Tolerance
from gatebench.execution.provenance import machine_kind
from gatebench.run.folder import write_atomically

NOISE_SCHEMA: Final = "gatebench.noise/1"
FOLDER: Final = "noise"
LEAST_ROUNDS: Final = 8
"""Pairs with both numbers, below which nothing is said of a number's noise."""

MOST: Final = 0.8
"""Part of the gates on identical builds that a tolerance has to let pass; below it the tolerance is under the noise."""

GATES: Final = 2_000
SEED: Final = 1


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Series(_Part):
    """One number in every pair of identical rounds: what the run that came first measured, and the second; null is unknown."""

    metric: str
    phase: str | None
    title: str
    unit: str
    better: Better
    first: list[float | None]
    second: list[float | None]
    rows: list[int] = Field(
        default_factory=list, description="of a share: the requests in each second round, 0 is unknown"
    )

    def pairs(self) -> tuple[Floats, Floats]:
        """Return (first, second) of all pairs, NaN where a round has no number."""
        first, second = (np.array(side, np.float64) for side in (self.first, self.second))
        return first, second

    def behind(self, measure: Measure) -> Floats:
        """Return the requests behind a share in each pair; NaN for any other measure, and where nobody counted."""
        if not measure.counted or len(self.rows) != len(self.first):
            return np.full(len(self.first), np.nan)
        rows = np.array(self.rows, np.float64)
        return np.where(rows > 0, rows, np.nan)


class Noise(_Part):
    """What a scenario's numbers do on one target between rounds in which nothing changed.

    `why_not` is a sentence when it cannot be used here: it is damaged, from another kind of machine or another version,
    or its scenario has changed since. Its floors are then unknown.
    """

    schema_version: Literal["gatebench.noise/1"] = Field(default="gatebench.noise/1", alias="schema")
    scenario: str
    scenario_digest: str = ""
    target: str
    settings: dict[str, str] = Field(default_factory=dict)
    engine: str = ""
    created: str = ""
    gatebench: str = __version__
    machine: dict[str, str | int | None] = Field(default_factory=machine_kind)
    pair_s: list[float] = Field(default_factory=list, description="how long each pair took, seconds")
    turned: list[bool] = Field(default_factory=list, description="of each pair: whether side B came first")
    series: list[Series] = Field(default_factory=list)
    why_not: str = Field(default="", exclude=True)

    def find(self, metric: str, phase: str | None) -> Series | None:
        """Return the series of a metric in a phase."""
        return next((one for one in self.series if (one.metric, one.phase) == (metric, phase)), None)

    def measures(self, tolerances: Sequence[Tolerance]) -> list[Measure]:
        """Return what these tolerances judge: each in its phase, or in every phase that has the metric, or else over the
        whole run. The tolerance that names a phase comes first.
        """
        found: dict[tuple[str, str | None], Measure] = {}
        for tolerance in sorted(tolerances, key=lambda one: one.phase is None):
            there = [one for one in self.series if one.metric == tolerance.metric]
            if tolerance.phase is not None:
                there = [one for one in there if one.phase == tolerance.phase]
            elif any(one.phase is not None for one in there):
                there = [one for one in there if one.phase is not None]
            for one in there:
                measure = Measure(one.metric, one.title, one.unit, one.better, one.phase, tolerance)
                found.setdefault((one.metric, one.phase), measure)
        return list(found.values())

    def of(self, measure: Measure) -> Identical | None:
        """Return the pairs that have this number on both sides; None when it was not measured, or in too few."""
        known = None if self.why_not else self.find(measure.metric, measure.phase)
        if known is None or known.unit != measure.unit:
            return None
        first, second = known.pairs()
        fine = np.isfinite(measure.worse(first, second))
        if int(fine.sum()) < LEAST_ROUNDS:
            return None
        return Identical((measure,), first[fine][:, None], second[fine][:, None], known.behind(measure)[fine][:, None])

    def floor(self, measure: Measure, pairs: int) -> float | None:
        """Return the smallest tolerance, on the scale of `Measure.worse`, that makes sense for a gate of `pairs` pairs.

        It is the tolerance at which an unchanged gateway is let pass by `MOST` of all gates: that quantile of the upper
        ends of the one-sided passing interval (mean + t · standard error, at the looks of the gate) over `GATES`
        gates drawn in blocks from the real pairs. Under it most gates would end with "cannot tell", however often they
        are repeated. Compare it with `margin`. None when the number's noise is unknown.
        """
        rounds = self.of(measure)
        if rounds is None or pairs < 2:
            return None
        bounds = passing_bounds(rounds, plan_looks(pairs), GATES, SEED)
        return max(0.0, float(np.quantile(bounds[:, 0], MOST)))

    def margin(self, measure: Measure) -> float | None:
        """Return what `measure` tolerates at the level of these rounds, its absolute floor included: what stands against
        `floor`. None when its noise is unknown.
        """
        rounds = self.of(measure)
        return None if rounds is None else float(measure.margin(np.concatenate([rounds.first, rounds.second])[:, 0]))


def noise_path(workspace: Path, scenario: str, target: str) -> Path:
    """Return where the noise of a scenario on a target is kept."""
    return workspace / FOLDER / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', f'{scenario}-{target}')}.json"


def load_noise(workspace: Path, scenario: str, target: str) -> Noise | None:
    """Return what `bench aa` saved of this scenario and target; None when it was never asked.

    What cannot be used here is returned with the reason in `why_not`, so that it is never silently left out.
    """
    path = noise_path(workspace, scenario, target)
    try:
        found = Noise.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        why = f"{FOLDER}/{path.name} cannot be read ({what}), so the noise is not known; `bench aa` writes it anew."
        return Noise(scenario=scenario, target=target, why_not=why)
    if (found.scenario, found.target) != (scenario, target):
        return None
    found.why_not = _unusable(found, workspace, path.name)
    return found


def _unusable(noise: Noise, workspace: Path, name: str) -> str:
    """Return why noise that was measured elsewhere or earlier says nothing here; empty when it does."""
    again = f"`bench aa {noise.scenario} --target {noise.target}` measures it here."
    here = machine_kind()
    other = [f"{key} {noise.machine.get(key)}, here {here[key]}" for key in here if noise.machine.get(key) != here[key]]
    if other:
        return f"{FOLDER}/{name} is from another machine ({'; '.join(other)}), so it is not used. {again}"
    if noise.gatebench != __version__:
        return f"{FOLDER}/{name} is from gatebench {noise.gatebench}, here is {__version__}, so it is not used. {again}"
    if noise.scenario_digest and _digest(workspace, noise.scenario) not in {"", noise.scenario_digest}:
        return f"{FOLDER}/{name} is of an earlier text of the scenario, so it is not used. {again}"
    return ""


def _digest(workspace: Path, scenario: str) -> str:
    """Return the digest of a scenario's file, empty when it has none or does not load."""
    from gatebench.content import Content
    from gatebench.errors import ConfigurationError

    try:
        return Content(workspace).scenario(scenario).digest
    except ConfigurationError:
        return ""


def save_noise(workspace: Path, noise: Noise) -> Path:
    """Write the noise into the workspace, one line a series, and return the path."""
    path = noise_path(workspace, noise.scenario, noise.target)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text(noise))
    return path


def text(noise: Noise) -> str:
    """Return the file's text: pretty where people read, one line where numbers stand."""
    document = noise.model_dump(mode="json", by_alias=True)
    series, pair_s, turned = (document.pop(name) for name in ("series", "pair_s", "turned"))
    head = json.dumps(document, indent=1, ensure_ascii=False).removesuffix("\n}")
    lines = ",\n  ".join(json.dumps(one, ensure_ascii=False) for one in series)
    return f'{head},\n "pair_s": {json.dumps(pair_s)},\n "turned": {json.dumps(turned)},\n "series": [\n  {lines}\n ]\n}}\n'


def rounded(values: Sequence[float | None]) -> list[float | None]:
    """Return values with six significant digits: more than any of them has, and a file that stays small."""
    return [None if value is None or not np.isfinite(value) else float(f"{value:.6g}") for value in values]
