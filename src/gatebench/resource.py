"""The resources of a simulated REST origin: their names, sizes, entity tags and dates. Pure, and the same in every run.

The provider that serves them and the traffic that asks for them, conditionally at times, compute the same.
"""

from __future__ import annotations

import hashlib
import math
import re
from statistics import NormalDist
from typing import Final

PREFIX: Final = "/rest/"
LEAST_BYTES: Final = 512
MOST_BYTES: Final = 4 * 2**20
_FIRST_CHANGED_S: Final = 1_577_836_800  # 2020-01-01T00:00:00Z
_CHANGED_SPAN_S: Final = 4 * 365 * 86_400
_inverse_normal = NormalDist().inv_cdf


def collection_name(name: str) -> str:
    """Return `name` if it can be a collection's; ValueError otherwise."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", name):
        raise ValueError(f'"{name}" cannot be a collection\'s name; write one like items')
    return name


def _digest(*parts: object) -> bytes:
    text = "\n".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=16, person=b"gb-resource").digest()


def etag(collection: str, key: str, version: int = 0, size: int = 0) -> str:
    """Return the strong entity tag (RFC 9110, 8.8.3) of a version; `size` is above 0 where the caller chose it."""
    return f'"{_digest(collection, key, version, size)[:8].hex()}"'


def size_bytes(collection: str, key: str, median: int, sigma: float, seed: int) -> int:
    """Return the size of a resource's body: lognormal by the inverse transform, at most MOST_BYTES."""
    unit = (int.from_bytes(_digest("size", seed, collection, key)[:6], "big") + 0.5) / 2**48
    drawn = median * math.exp(sigma * _inverse_normal(unit)) if sigma else median
    return min(MOST_BYTES, max(LEAST_BYTES, round(drawn)))


def resource_path(collection: str, key: str, size: int = 0) -> str:
    """Return the path of a resource, with its query where the caller chooses the `size`."""
    return f"{PREFIX}{collection}/{key}" + (f"?bytes={size}" if size else "")


def has_changed(collection: str, key: str, share: float) -> bool:
    """Tell whether a resource is one of the `share` of its collection that has a second version, which no client holds yet."""
    return int.from_bytes(_digest("second version", collection, key)[:6], "big") < share * 2**48


def changed_s(collection: str, key: str) -> int:
    """Return when a resource's first version was made, in seconds of the epoch."""
    return _FIRST_CHANGED_S + int.from_bytes(_digest("changed", collection, key)[:6], "big") % _CHANGED_SPAN_S
