"""One number that two builds are compared by: its value in every round of both, pair by pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gatebench.comparing.tolerance import FLOOR_MS, Tolerance

Floats = npt.NDArray[np.float64]
Better = Literal["lower", "higher"]
_MS: dict[str, float] = {"ms": 1.0, "s": 1e-3}


@dataclass(frozen=True)
class Measure:
    """What is compared: a metric in a phase (None: the whole run), and how much worse it may become."""

    metric: str
    title: str
    unit: str
    better: Better
    phase: str | None
    tolerance: Tolerance

    @property
    def relative(self) -> bool:
        """Whether it is compared by paired log-ratios; else by paired differences in its unit (`measurement.md` 27)."""
        return self.tolerance.relative is not None

    @property
    def floor(self) -> float:
        """The difference, in the metric's unit, under which a change of a time is not one."""
        return FLOOR_MS * _MS.get(self.unit, 0.0) if self.relative else 0.0

    @property
    def label(self) -> str:
        """Metric and phase in one word, as tolerances are written."""
        return self.metric + (f"@{self.phase}" if self.phase else "")

    @property
    def counted(self) -> bool:
        """Whether it is a share of requests that is compared by differences: so many events among so many rows."""
        return self.unit == "share" and not self.relative

    def bad(self, share: Floats) -> Floats:
        """Return the share of rows that are bad; of a share that is better higher, what is missing to 1."""
        return share if self.better == "lower" else np.asarray(1.0 - share)

    def worse(self, base: Floats, head: Floats) -> Floats:
        """Return by how much each head is worse than its base: a log-ratio or a difference, positive is worse; any shape."""
        sign = 1.0 if self.better == "lower" else -1.0
        if not self.relative:
            return sign * (head - base)
        with np.errstate(divide="ignore", invalid="ignore"):
            return sign * np.where((base > 0) & (head > 0), np.log(head / base), np.where(head == base, 0.0, np.nan))

    def typical(self, values: Floats) -> float:
        """Return what stands for the rounds, so that what stands for both sides differs by the mean of `worse`: the geometric mean
        where ratios are compared, else the mean.
        """
        if self.relative and (values > 0).all():
            return float(np.exp(np.log(values).mean()))
        return float(values.mean())

    def margin(self, base: Floats) -> Floats:
        """Return how much worse is still tolerated, on the scale of `worse`; `base`: (…, rounds) → (…).

        The floor widens a relative tolerance where the base is so fast that the share is less than the floor.
        """
        if self.tolerance.relative is None:
            return np.full(base.shape[:-1], float(self.tolerance.absolute or 0.0))
        level = np.median(base, axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            floor = np.where(level > 0, self.floor / level, 0.0)
        share = np.maximum(self.tolerance.relative, floor)
        return np.asarray(np.log1p(share) if self.better == "lower" else -np.log1p(-np.minimum(share, 0.999)))


@dataclass(frozen=True)
class Line:
    """A measure with what each pair found: `base` and `head` of shape (pairs,), NaN where a round has no number.

    `rows`: of a share, the requests in each head; without them nobody knows how much a share without an event is worth.
    """

    measure: Measure
    base: Floats
    head: Floats
    rows: Floats | None = None

    @property
    def complete(self) -> npt.NDArray[np.bool_]:
        """Which pairs have both numbers, and on a relative scale a ratio."""
        return np.isfinite(self.measure.worse(self.base, self.head))
