"""What `bench aa` found, as it stands in experiment.json and behind `--json`: plain data with its schema, and its sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

AA_SCHEMA: Final = "gatebench.aa/1"
PROMISED: Final = 0.95
"""What intervals promise to hold, and the power that is wanted at +10 %."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Alarms(_Part):
    """A count, of how many, and the exact 95 % interval of the share."""

    count: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The share that was seen; 0 of none."""
        return self.count / self.of if self.of else 0.0


class Scene(_Part):
    """What simulated gates did while one change was put on the head."""

    change: str
    alarms: Alarms
    passed: float = Field(description="part of the gates that let the head pass")
    undecided: float = Field(description="part that could not tell")
    mean_pairs: float = Field(description="pairs that a gate made until it stopped")
    covered: Alarms = Field(description="gates whose interval held the truth, of the measure with the fewest")
    covered_label: str


class Detectable(_Part):
    """The smallest change that this part of all gates alarm at: a part of the value, or an amount; null: none was found."""

    pairs: int
    power: float
    change: float | None


class MeasureNoise(_Part):
    """The noise of one measure; amounts are log-ratios when `relative`, else in its unit. See comparing.spread."""

    label: str
    title: str
    unit: str
    relative: bool
    level: float
    rounds: float
    pairs: float
    memory: float
    memory_limit: float
    drift: float
    drift_p: float
    second: float
    second_p: float
    tolerance: str
    margin: float
    floor: float | None
    detectable: list[Detectable]


class Findings(_Part):
    """The whole result."""

    schema_version: Literal["gatebench.aa/1"] = Field(default="gatebench.aa/1", alias="schema")
    scenario: str
    target: str
    pairs: int = Field(description="complete pairs of identical rounds")
    pair_s: float = Field(description="median time that a pair took, seconds")
    gate_pairs: int
    looks: list[int]
    shares: list[float]
    alpha: float
    tolerances: list[str]
    gates: int = Field(description="simulated gates of each scene")
    seed: int
    block: int = Field(description="neighbouring pairs that were drawn together")
    live: Alarms = Field(
        description="alarms of gates made of consecutive pairs, each beginning where the one before it stopped"
    )
    live_passed: int
    live_words: list[str]
    plain: Alarms | None = Field(description='alarms of the rule "p99 is more than 10 % slower", by pair')
    bare: Alarms = Field(description="alarms of simulated gates where nothing changed and nothing is tolerated")
    scenes: list[Scene]
    measures: list[MeasureNoise]
    left_out: list[str]
    sentences: list[str] = Field(default_factory=list)

    @property
    def nothing(self) -> Scene:
        """The scene in which nothing changed."""
        return self.scenes[0]

    @property
    def refuted(self) -> bool:
        """Whether the promise is broken here: more alarms without a cause than promised, beyond doubt.

        What intervals hold is said and not counted here: forty pairs without any memory seem to have some by chance, and
        then the simulated share lies anywhere from 91 to 98 %.
        """
        return self.nothing.alarms.low > self.alpha

    def said(self) -> Iterator[str]:
        """Yield what follows for somebody who wants to use gates on this machine."""
        covered = self.nothing.covered
        alarms, bare = self.nothing.alarms, self.bare
        promise = f"at most {self.alpha * 100:g} %"
        if alarms.high <= self.alpha:
            yield f"False alarms are {promise}: {_of(alarms)} simulated gates, {_ends(alarms)}."
        elif alarms.low > self.alpha:
            yield f"False alarms are NOT {promise} here: {_of(alarms)} simulated gates, {_ends(alarms)}."
        else:
            yield f"Whether false alarms are {promise} is not shown: {_of(alarms)} simulated gates, {_ends(alarms)}."
        if bare.high > self.alpha:
            yield (
                f"If nothing were tolerated it would be {bare.share * 100:.2f} %. Neighbouring pairs of these {self.pairs} "
                f"happen to be alike, or rounds remember more than the rule allows for; more pairs would tell."
            )
        held = f"{covered.share * 100:.1f} % of gates ({covered.low * 100:.1f} to {covered.high * 100:.1f})"
        word = "hold" if covered.low >= PROMISED else "may not hold" if covered.high < PROMISED else "may hold"
        yield f"The 95 % intervals {word} the truth as often as they say: {held}, worst for {self.nothing.covered_label}."
        for one in self.measures:
            if one.floor is not None and one.floor > one.margin:
                yield (
                    f"{one.tolerance} lies under the noise: {percent_or_amount(one, one.floor)} would let most unchanged "
                    f"gateways pass in {self.gate_pairs} pairs. Tolerate more, take more pairs, or quieten the machine."
                )


def _of(found: Alarms) -> str:
    return f"{found.count} of {found.of}"


def _ends(found: Alarms) -> str:
    return f"{found.low * 100:.2f} to {found.high * 100:.2f} %"


def percent_or_amount(noise: MeasureNoise, amount: float) -> str:
    """Return an amount on the scale of a measure in words: percent of a log-ratio, else with its unit."""
    from math import expm1

    if noise.relative:
        return f"{expm1(amount) * 100:.1f} %"
    if noise.unit == "share":
        return f"{amount * 100:.2f} pp"
    return f"{amount:.3g} {noise.unit}"
