"""What a toxic is: a kind that is registered where it is written, and one use of it on a proxy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gatebench.execution.toxiproxy.refusal import Refusal
from gatebench.execution.toxiproxy.stage import Stage, Surroundings

Direction = Literal["upstream", "downstream"]
DIRECTIONS: tuple[Direction, ...] = ("upstream", "downstream")
_INT64_MAX = 2**63 - 1


@dataclass(frozen=True)
class Attribute:
    """One whole-number setting of a toxic, 0 unless it is set; `unit` is for people."""

    name: str
    unit: str
    minimum: int = 0


@dataclass(frozen=True)
class Kind:
    """A kind of toxic: its attributes, in the order the API shows them, and what makes its stages."""

    name: str
    attributes: tuple[Attribute, ...]
    stage: Callable[[str, Mapping[str, int], Surroundings], Stage]

    def merge(self, old: Mapping[str, int], given: Mapping[str, Any]) -> dict[str, int]:
        """Return `old` with the attributes in `given` (keys in lower case); unknown keys are dropped, None changes nothing.

        Raises Refusal when a value is not a whole number or lies outside its range.
        """
        merged = {attribute.name: old.get(attribute.name, 0) for attribute in self.attributes}
        for attribute in self.attributes:
            value = given.get(attribute.name)
            if value is None:
                continue
            if type(value) is not int or abs(value) > _INT64_MAX:
                raise Refusal(
                    400,
                    f'bad request body: "{attribute.name}" of {self.name} must be a whole number of {attribute.unit}',
                )
            if value < attribute.minimum:
                raise Refusal(
                    400, f'"{attribute.name}" of {self.name} must be at least {attribute.minimum} {attribute.unit}'
                )
            merged[attribute.name] = value
        return merged


_kinds: dict[str, Kind] = {}


def register(name: str, stage: Callable[[str, Mapping[str, int], Surroundings], Stage], *attributes: Attribute) -> None:
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
    attributes: Mapping[str, int]
    draw_as: str

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
            "attributes": dict(self.attributes),
            "name": self.name,
            "type": self.kind.name,
            "stream": self.stream,
            "toxicity": int(self.toxicity) if self.toxicity.is_integer() else self.toxicity,
        }
