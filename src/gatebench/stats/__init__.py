"""The statistics of a run: exact percentiles, and intervals that say how far a number can be trusted. Pure functions.

Requests of one run are not independent: a slow moment slows its neighbours. Intervals of percentiles therefore come
from the moving-block bootstrap (Künsch, "The Jackknife and the Bootstrap for General Stationary Observations", Annals
of Statistics 17, 1989): whole stretches of neighbouring rows are drawn, not single rows. Its distribution is computed
exactly instead of being sampled, see `BlockBootstrap`; so it has no seed, no noise of its own, and holds at
confidences that thousands of draws could not reach.
"""

from __future__ import annotations

from gatebench.stats.bits import Bits
from gatebench.stats.blocks import block_length, block_length_of_many
from gatebench.stats.bootstrap import BlockBootstrap
from gatebench.stats.intervals import JUDGED, SHOWN, Floats, Interval
from gatebench.stats.means import block_mean_interval, block_share_interval
from gatebench.stats.pairs import paired_differences
from gatebench.stats.percentiles import BEYOND, beyond, percentile, percentile_of, rank
from gatebench.stats.shares import clopper_pearson, rows_needed, wilson

__all__ = [
    "BEYOND",
    "JUDGED",
    "SHOWN",
    "Bits",
    "BlockBootstrap",
    "Floats",
    "Interval",
    "beyond",
    "block_length",
    "block_length_of_many",
    "block_mean_interval",
    "block_share_interval",
    "clopper_pearson",
    "paired_differences",
    "percentile",
    "percentile_of",
    "rank",
    "rows_needed",
    "wilson",
]
