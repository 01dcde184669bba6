"""How much worse a number may become before it counts: a share of itself, or an amount in its own unit."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from gatebench.errors import Problem

SHORT: Final = {
    "p50": "response_p50_ms",
    "p95": "response_p95_ms",
    "p99": "response_p99_ms",
    "p999": "response_p999_ms",
    "ttft": "ttft_p50_ms",
    "ttft_p50": "ttft_p50_ms",
    "ttft_p95": "ttft_p95_ms",
    "errors": "error_share",
    "goodput": "goodput_per_s",
    "overhead": "overhead_median_ms",
}
"""Names that people say, and the metrics they mean."""

FLOOR_MS: Final = 0.2
"""Times that differ by less than this do not count, whatever the share: our own instruments are no finer (docs/accuracy.md)."""
TAIL_MS: Final = 1.0
"""What a gateway may add to its p95 when nobody says."""

_TERM = re.compile(r"(?P<name>\w+)(?:@(?P<phase>[\w-]+))?=\+?(?P<number>[\d.eE+-]+)\s*(?P<unit>%|pp|ms|us|µs|s|)")
_TO_MS: Final = {"ms": 1.0, "us": 1e-3, "µs": 1e-3, "s": 1e3}
_CURE = (
    "Write METRIC=5%, METRIC@PHASE=5%, METRIC=0.3ms, or METRIC=0.5pp for a share, as in p95=5% or error_share=0.5pp."
)


@dataclass(frozen=True)
class Tolerance:
    """What one metric may lose: `relative`, a share of the base's value (0.05 is 5 %), or `absolute`, in the metric's unit.

    `phase` None: in every phase that is compared. Exactly one of the two amounts is set.
    """

    metric: str
    phase: str | None = None
    relative: float | None = None
    absolute: float | None = None

    def __str__(self) -> str:
        amount = f"{self.relative * 100:g}%" if self.relative is not None else f"{self.absolute:g}"
        return f"{self.metric}{f'@{self.phase}' if self.phase else ''}={amount}"


def parse(text: str, units: dict[str, str], where: str, problems: list[Problem]) -> Tolerance | None:
    """Return the tolerance that `text` means; `units` are the metrics by name with their units. What is wrong with it
    goes to `problems`.
    """
    match = _TERM.fullmatch(text.strip())
    try:
        number = float(match["number"]) if match else math.nan
    except ValueError:
        number = math.nan
    if match is None or not (math.isfinite(number) and number >= 0):
        problems.append(Problem(f"{where} {text}", "is no tolerance.", _CURE))
        return None
    metric, unit = SHORT.get(match["name"], match["name"]), match["unit"]
    if metric not in units:
        cure = f"`bench ls metrics` lists them; in short: {', '.join(SHORT)}."
        problems.append(Problem(f"{where} {text}", f"there is no metric {match['name']}.", cure))
        return None
    own = units[metric]
    if unit == "%":
        if own == "share":
            problems.append(Problem(f"{where} {text}", f"{metric} is a share: % of a share misleads.", _CURE))
            return None
        return Tolerance(metric, match["phase"], relative=number / 100)
    scale = {"pp": {"share": 0.01}, "": {own: 1.0}}.get(unit, {})
    if unit in _TO_MS and own in _TO_MS:
        scale = {own: _TO_MS[unit] / _TO_MS[own]}
    if own not in scale:
        problems.append(Problem(f"{where} {text}", f"{metric} is counted in {own}, not in {unit}.", _CURE))
        return None
    return Tolerance(metric, match["phase"], absolute=number * scale[own])


def default_tolerances(metrics: Collection[str], *, lanes: bool) -> list[Tolerance]:
    """Return what a gate looks at when nobody says: p50 and p95 within 5 %, errors within half a percent of all requests.

    Where the scenario has lanes, what the gateway adds stands for both, its median within 0.2 ms (what our instruments tell) and
    its p95 within 1 ms: half the requests go past the gateway, and what the machine does to both cancels.
    """
    if lanes:
        chosen = [
            Tolerance("overhead_median_ms", absolute=FLOOR_MS),
            Tolerance("overhead_p95_ms", absolute=TAIL_MS),
        ]
    else:
        chosen = [Tolerance("response_p50_ms", relative=0.05), Tolerance("response_p95_ms", relative=0.05)]
    chosen.append(Tolerance("error_share", absolute=0.005))
    return [one for one in chosen if one.metric in metrics]
