"""The algorithms by name. The Lua of an algorithm lies beside its Python, under the same name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from .concurrency import Concurrency
from .fixed_window import FixedWindow
from .gcra import Gcra
from .limit import Algorithm, Limit
from .sliding_counter import SlidingCounter
from .sliding_log import SlidingLog
from .token_bucket import TokenBucket

Name = Literal["token-bucket", "gcra", "sliding-log", "sliding-counter", "fixed-window", "concurrency"]
ALGORITHMS: Mapping[Name, Callable[[Limit], Algorithm]] = {
    "token-bucket": TokenBucket,
    "gcra": Gcra,
    "sliding-log": SlidingLog,
    "sliding-counter": SlidingCounter,
    "fixed-window": FixedWindow,
    "concurrency": Concurrency,
}
