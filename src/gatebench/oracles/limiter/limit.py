"""What a limiter is declared to do: its algorithm and its numbers, for one key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from gatebench.oracles.limiter.fixed_window import FixedWindow
from gatebench.oracles.limiter.gcra import Gcra
from gatebench.oracles.limiter.model import Model
from gatebench.oracles.limiter.sliding_counter import SlidingCounter
from gatebench.oracles.limiter.sliding_log import SlidingLog
from gatebench.oracles.limiter.token_bucket import TokenBucket
from gatebench.units import duration_s

Algorithm = Literal["token-bucket", "gcra", "sliding-log", "sliding-counter", "fixed-window", "concurrency"]
ALGORITHMS: Final[tuple[Algorithm, ...]] = (
    "token-bucket",
    "gcra",
    "sliding-log",
    "sliding-counter",
    "fixed-window",
    "concurrency",
)
BUCKETS: Final = ("token-bucket", "gcra")
ON_A_GRID: Final = ("fixed-window", "sliding-counter")
Counts = Literal["requests", "tokens"]


@dataclass(frozen=True)
class Limit:
    """`limit` per period and key, or in flight at once; `burst` is the capacity of a bucket, 0 for the others.

    `whole` says of a sliding counter that it rounds what is left of the window before down to whole requests.
    """

    algorithm: Algorithm
    limit: int
    period_ns: int = 1_000_000_000
    burst: int = 0
    counts: Counts = "requests"
    whole: bool = False

    def model(self, phase_ns: int = 0) -> Model:
        """Return a fresh exact model of one key; windows of a grid begin at `phase_ns`. Concurrency has none of this kind."""
        match self.algorithm:
            case "token-bucket":
                return TokenBucket(self.limit, self.period_ns, self.burst)
            case "gcra":
                return Gcra(self.limit, self.period_ns, self.burst)
            case "sliding-log":
                return SlidingLog(self.limit, self.period_ns)
            case "sliding-counter":
                return SlidingCounter(self.limit, self.period_ns, phase_ns, whole=self.whole)
            case "fixed-window":
                return FixedWindow(self.limit, self.period_ns, phase_ns)
        raise ValueError("a concurrency limit is replayed with the ends of its requests")

    def most_in_a_period(self) -> int:
        """Return the most that the algorithm admits in some stretch of one period, whatever comes.

        A bucket its capacity and a period's refill; two adjoining windows of a fixed or a weighted counter their limit
        each; a sliding log its limit.
        """
        if self.algorithm in BUCKETS:
            return self.burst + self.limit
        return 2 * self.limit if self.algorithm in ON_A_GRID else self.limit

    def sentence(self) -> str:
        """Return the limit in words."""
        if self.algorithm == "concurrency":
            return f"{self.limit} in flight"
        burst = f", burst {self.burst}" if self.algorithm in BUCKETS else ""
        return f"{self.algorithm} of {self.limit} {self.counts} in {self.period_ns / 1e9:g} s{burst}"


def limit_of(declared: Mapping[str, object], tier: str = "") -> Limit | None:
    """Return what `declared` says for a key of `tier`; None where nothing is limited.

    Its roles are algorithm, rate, period, burst, counts and tiers ("free=100/10s,pro=1000/10s,unlimited"). A tier
    has its own rate and period, and a bucket as large as its rate. `rounds` = "down" says that a sliding counter works in
    whole numbers.
    Raises ValueError with a sentence when something cannot be understood.
    """
    algorithm = str(declared.get("algorithm", "off"))
    if algorithm in ("off", "") or not declared.get("rate", 0):
        return None
    known = next((name for name in ALGORITHMS if name == algorithm), None)
    if known is None:
        raise ValueError(f'"{algorithm}" is no algorithm of a limiter; the algorithms are {", ".join(ALGORITHMS)}')
    counts = str(declared.get("counts", "requests"))
    if counts not in ("requests", "tokens"):
        raise ValueError(f'"{counts}" cannot be counted; a limiter counts requests or tokens')
    limit, period = _whole(declared, "rate"), str(declared.get("period", "1s"))
    own = _tiers(str(declared.get("tiers", "") or ""))
    if tier and tier in own:
        mine = own[tier]
        if mine is None:
            return None
        limit, period = mine
    burst = _whole(declared, "burst") if "burst" in declared else 0
    if known not in BUCKETS:
        burst = 0
    elif burst <= 0 or (tier and tier in own):
        burst = limit
    if limit < 1:
        raise ValueError(f"a limit of {limit} admits nobody; declare a rate of at least 1, or 0 for no limit at all")
    return Limit(
        known,
        limit,
        round(duration_s(period) * 1e9),
        burst,
        "tokens" if counts == "tokens" else "requests",
        whole=str(declared.get("rounds", "")) == "down",
    )


def _whole(declared: Mapping[str, object], role: str) -> int:
    text = str(declared.get(role, 0) or 0)
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f'the limiter\'s {role} is "{text}", which is no number') from None
    if number != int(number):
        raise ValueError(f"the limiter's {role} is {text}; write a whole number and a longer period instead")
    return int(number)


def _tiers(text: str) -> dict[str, tuple[int, str] | None]:
    """Return rate and period of each tier, None for one without a limit."""
    found: dict[str, tuple[int, str] | None] = {}
    for part in (part.strip() for part in text.split(",") if part.strip()):
        name, _, rate = part.partition("=")
        number, slash, period = rate.partition("/")
        if not rate:
            found[name] = None
        elif slash and number.strip().isdigit():
            found[name.strip()] = (int(number), period.strip())
        else:
            raise ValueError(f'"{part}" is no tier; write name=100/10s, or a name alone for one without a limit')
    return found
