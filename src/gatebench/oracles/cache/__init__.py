"""What a cache could have saved for a sequence of requests, and how many fetches one expiry should cost."""

from gatebench.oracles.cache.ceiling import ceiling
from gatebench.oracles.cache.farthest import farthest
from gatebench.oracles.cache.lifetime import FETCH, HIT, JOIN, STALE, Lifetime
from gatebench.oracles.cache.recent import recent
from gatebench.oracles.cache.stampede import Burst, Fetches, bursts

__all__ = [
    "FETCH",
    "HIT",
    "JOIN",
    "STALE",
    "Burst",
    "Fetches",
    "Lifetime",
    "bursts",
    "ceiling",
    "farthest",
    "recent",
]
