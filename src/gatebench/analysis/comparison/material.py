"""What a comparison is made from: sides, and the rounds of each with their readings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gatebench.run.folder import RunRecord
from gatebench.run.summary import Summary
from gatebench.suite import Suite


@dataclass(frozen=True)
class Party:
    """One of what is compared: its label (unique here), its target as it was asked for, and its settings."""

    label: str
    target: str
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Taken:
    """A round as a comparison takes it. `link` leads from the report to the round's own; empty when there is none.

    `order` is its place in time among all rounds; rounds of one `pair` share a seed. Without a `summary` it has no numbers.
    """

    scenario: str
    side: str
    pair: int
    order: int
    seed: int
    name: str
    valid: bool
    why: str = ""
    link: str = ""
    took_s: float = 0.0
    record: RunRecord | None = None
    summary: Summary | None = None


@dataclass(frozen=True)
class Material:
    """An experiment with everything read: `floor` are the rounds of the null target, `notes` what its maker has to say."""

    id: str
    kind: str
    created: str
    command: tuple[str, ...]
    status: str
    scenarios: tuple[str, ...]
    parties: tuple[Party, ...]
    pairs: int
    seed: int
    taken: tuple[Taken, ...]
    floor: tuple[Taken, ...] = ()
    notes: tuple[str, ...] = ()
    suite: Suite | None = None
    not_applicable: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def applies(self, scenario: str, side: str) -> bool:
        """Return whether a side plays a scenario at all."""
        return side not in self.not_applicable.get(scenario, {})

    def of(self, scenario: str, side: str) -> list[Taken]:
        """Return the rounds of a side that count, in the order of time."""
        found = [one for one in self.taken if (one.scenario, one.side) == (scenario, side)]
        return sorted((one for one in found if one.valid and one.summary is not None), key=lambda one: one.order)
