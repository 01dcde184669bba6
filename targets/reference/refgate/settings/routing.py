"""Which provider a request goes to first."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from ..routing.weights import parse_weights
from .section import Section


def _parsed(value: object) -> object:
    return parse_weights(value) if isinstance(value, str) else value


class RoutingConfig(Section):
    """`ordered`: the first one; `weighted`: drawn by `weights` for each request; `sticky`: by `weights` for each tenant.

    All others stay behind the chosen one, in their order, for when it fails. `flags` is the path of the flags.
    """

    kind: Literal["ordered", "weighted", "sticky"] = "ordered"
    weights: Annotated[dict[str, float], BeforeValidator(_parsed)] = Field(default_factory=dict)
    flags: str = ""
