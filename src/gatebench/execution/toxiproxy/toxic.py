"""What a toxic is: a kind that is registered where it is written, and one use of it on a proxy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gatebench.execution.toxiproxy.effects import Effects
from gatebench.execution.toxiproxy.refusal import Refusal
from gatebench.execution.toxiproxy.stage import Stage, Surroundings

Direction = Literal["upstream", "downstream"]
DIRECTIONS: tuple[Direction, ...] = ("upstream", "downstream")
_INT64_MAX = 2**63 - 1


@dataclass(frozen=True)
class Attribute:
    """One setting of a toxic, 0 unless it is set: a whole number, or any number; `unit` is for people."""

    name: str
    unit: str
    minimum: int = 0
    maximum: int = _INT64_MAX
    whole: bool = True

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with `value`, as the end of a sentence; None when nothing is."""
        unit = f" {self.unit}" if self.unit else ""
        if type(value) is not int and (self.whole or type(value) is not float):
            return f"must be a whole number of {self.unit}" if self.whole else "must be a number"
        if self.whole and abs(value) > _INT64_MAX:
            return f"must be a whole number of {self.unit} that fits in 64 bits"
        if self.maximum < _INT64_MAX and not self.minimum <= value <= self.maximum:
            return f"must lie between {self.minimum} and {self.maximum}{unit}"
        return None if value >= self.minimum else f"must be at least {self.minimum}{unit}"


@dataclass(frozen=True)
class Kind:
    """A kind of toxic: its attributes, in the order the API shows them, and what makes its stages."""

    name: str
    attributes: tuple[Attribute, ...]
    stage: Callable[[str, Mapping[str, float], Surroundings], Stage]

    def merge(self, old: Mapping[str, float], given: Mapping[str, Any]) -> dict[str, float]:
        """Return `old` with the attributes in `given` (keys in lower case); unknown keys are dropped, None changes nothing.

        Raises one Refusal for all values that are of the wrong type or outside their range.
        """
        merged = {attribute.name: old.get(attribute.name, 0) for attribute in self.attributes}
        merged |= {name: given[name] for name in merged if given.get(name) is not None}
        problems = []
        for attribute in self.attributes:
            problem = attribute.problem(merged[attribute.name])
            if problem is not None:
                problems.append(f'"{attribute.name}" of {self.name} {problem}')
        if problems:
            raise Refusal(400, f"bad request body: {'; '.join(problems)}", problems)
        return merged


_kinds: dict[str, Kind] = {}


def register(
    name: str, stage: Callable[[str, Mapping[str, float], Surroundings], Stage], *attributes: Attribute
) -> None:
    """Make a kind of toxic known under `name`; called at the foot of the file that holds its stage."""
    if name in _kinds:
        raise ValueError(f'two toxics are called "{name}"; rename one of them')
    _kinds[name] = Kind(name, attributes, stage)


def kinds() -> Mapping[str, Kind]:
    """Return every kind that is registered, by name; the package `toxics` registers the shipped ones when imported."""
    return _kinds


@dataclass(frozen=True)
class Toxic:
    """A toxic on a proxy. `stream` is echoed as it was given; `direction` is what it means.

    `draw_as` stands for the proxy's name in the draw that chooses victims, so that a proxy under another name has the same ones.
    """

    name: str
    kind: Kind
    stream: str
    toxicity: float
    attributes: Mapping[str, float]
    draw_as: str
    effects: Effects = field(default_factory=Effects, compare=False)

    @property
    def direction(self) -> Direction:
        """The direction of the connection that it acts on."""
        return "upstream" if self.stream.lower() == "upstream" else "downstream"

    @property
    def draw_key(self) -> str:
        """What the draw depends on besides the engine's seed and the connection's ordinal."""
        return f"{self.draw_as}\0{self.name}"

    def to_json(self) -> dict[str, Any]:
        """Return the toxic as the API shows it."""
        return {
            "attributes": {name: _shown(value) for name, value in self.attributes.items()},
            "name": self.name,
            "type": self.kind.name,
            "stream": self.stream,
            "toxicity": _shown(self.toxicity),
        }


def _shown(value: float) -> float:
    return int(value) if float(value).is_integer() and abs(value) < 2**53 else value
