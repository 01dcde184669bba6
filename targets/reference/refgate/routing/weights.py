"""Shares of the traffic, and the choice by them: at random, or always the same one for the same caller."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

Weights = Mapping[str, float]


def parse_weights(text: str) -> dict[str, float]:
    """Return the weights in "provider-a=90,provider-b=10". Raises ValueError with what is wrong."""
    weights: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, separator, number = (piece.strip() for piece in part.partition("="))
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not separator or not name or not 0 <= weight < math.inf:
            raise ValueError(f'"{part}" is no weight; write NAME=NUMBER with a number of at least 0')
        weights[name] = weight
    return weights


def drawn(names: Sequence[str], weights: Weights, draw: float) -> str | None:
    """Return a name by a number drawn from [0, 1): each with its weight's share; None when no name has one."""
    point = draw * sum(weights.get(name, 0.0) for name in names)
    last = None
    for name in names:
        weight = weights.get(name, 0.0)
        if weight > 0:
            last = name
            if point < weight:
                return name
            point -= weight
    return last  # rounding may leave a point just beyond the end


def sticky(names: Sequence[str], weights: Weights, caller: str) -> str | None:
    """Return the name for `caller`: always the same while the weights stay; callers spread by the weights.

    Weighted rendezvous hashing (Schindelhauer and Schomaker, 2005): the highest of -weight / ln(hash). When one weight
    changes, only as many callers move as must, and only from or to that name.
    """
    best, best_score = None, 0.0
    for name in names:
        weight = weights.get(name, 0.0)
        score = -weight / math.log(_uniform(f"{caller}\n{name}"))
        if score > best_score:
            best, best_score = name, score
    return best


def _uniform(text: str) -> float:
    """Return a number in (0, 1) that `text` decides."""
    number = int.from_bytes(hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "big")
    return (number + 0.5) / 2**64 if number < 2**64 - 2**10 else 1 - 2**-53
