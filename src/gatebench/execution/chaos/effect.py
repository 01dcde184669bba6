"""How much longer an answer takes under a fault that slows things down, and how many bytes a canary must ask for to see it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from gatebench.execution.chaos.ramp import ramp_of
from gatebench.faults import FaultDefinition, Value

TIMED: Final = frozenset(("delay", "rate", "close", "slices"))
"""The proofs that compare how long an answer takes with how long it took before."""

_RATE_BYTES: Final = 40_000
_SLICED_BYTES: Final = 6_000
_HEAD_BYTES: Final = 170  # of an answer, give or take: the middle between two numbers of slices forgives some
_BEYOND_BYTES: Final = 1_000


def effect_ms(definition: FaultDefinition, parameters: Mapping[str, Value]) -> float:
    """Return how much later the last byte of a canary's answer is due over a connection that is hit, at most."""
    proof = definition.proof
    if proof.expect == "rate":
        return _RATE_BYTES / float(parameters[proof.parameter])
    if proof.expect == "slices":
        doublings, _ = _sliced(parameters)
        return ((1 << doublings) - 1) * float(parameters[proof.parameter]) / 1000
    ramp = ramp_of(definition, parameters)
    return max(ramp.from_ms, ramp.to_ms) if ramp else float(parameters[proof.parameter])


def payload_bytes(definition: FaultDefinition, parameters: Mapping[str, Value]) -> int:
    """Return how many bytes of content a canary must ask for; 0 when any answer does."""
    if definition.proof.expect == "rate":
        return _RATE_BYTES
    if definition.proof.expect == "slices":
        return _sliced(parameters)[1]
    if definition.mechanism == "toxic.limit_data":
        return int(parameters["bytes"]) + _BEYOND_BYTES
    return 0


def _sliced(parameters: Mapping[str, Value]) -> tuple[int, int]:
    """Return how often an answer is halved, and the bytes of its content.

    A slicer halves a chunk until no piece exceeds the size (and its variation): n bytes make 2^⌈log2(n / size)⌉ pieces, and
    n is chosen in the middle between two powers.
    """
    largest = float(parameters["average_size"]) + float(parameters["size_variation"])
    halvings = max(0, math.ceil(math.log2(_SLICED_BYTES / (1.5 * largest))))
    return halvings + 1, round(1.5 * (1 << halvings) * largest) - _HEAD_BYTES
