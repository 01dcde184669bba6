"""How many fetches one expiry of a key cost, where one would have done."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fetches:
    """Attempts at providers, one element each: the key, when it arrived and ended (nanoseconds), whether its answer is good."""

    keys: npt.NDArray[np.int64]
    arrived_ns: Times
    ended_ns: Times
    good: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Burst:
    """The fetches of one key from the first that arrived to the end of the first good one among them.

    `attempts` counts those that arrived in that time, ideally 1; `requests` those that asked for the key in it and could have
    shared the first fetch, its own included. `members` are the positions of the attempts.
    """

    key: int
    start_ns: int
    end_ns: int
    requests: int
    members: tuple[int, ...]

    @property
    def attempts(self) -> int:
        """How many fetches there were."""
        return len(self.members)

    @property
    def contested(self) -> bool:
        """Whether there was anything to share: a further request came while the first fetch was under way."""
        return self.requests > 1


def bursts(fetches: Fetches, asked_keys: npt.NDArray[np.int64], sent_ns: Times) -> list[Burst]:
    """Return the bursts of every key in order of time; `asked_keys` and `sent_ns` are the requests.

    A request counts when it was sent after the first fetch arrived and before the good one ended; the one that caused the
    first fetch was sent before and counts too. Fetches none of which is good make a burst up to the end of the last of those
    that overlap.
    """
    by_key: defaultdict[int, list[int]] = defaultdict(list)
    for place in np.argsort(fetches.arrived_ns, kind="stable").tolist():
        by_key[int(fetches.keys[place])].append(place)
    sent: defaultdict[int, list[int]] = defaultdict(list)
    for key, when in sorted(zip(asked_keys.tolist(), sent_ns.tolist(), strict=True), key=lambda pair: pair[1]):
        sent[key].append(when)
    found = []
    for key, places in by_key.items():
        at = 0
        while at < len(places):
            members, end_ns = _burst(fetches, places, at)
            start_ns = int(fetches.arrived_ns[places[at]])
            joined = bisect_left(sent[key], end_ns) - bisect_left(sent[key], start_ns)
            found.append(Burst(key, start_ns, end_ns, max(1 + joined, len(members)), tuple(members)))
            at += len(members)
    return sorted(found, key=lambda burst: burst.start_ns)


def _burst(fetches: Fetches, places: Sequence[int], at: int) -> tuple[list[int], int]:
    """Return the positions of the burst that begins at `places[at]`, and when it ends."""
    members: list[int] = []
    good_ns: int | None = None
    last_ns = int(fetches.ended_ns[places[at]])
    for place in places[at:]:
        arrived_ns, ended_ns = int(fetches.arrived_ns[place]), int(fetches.ended_ns[place])
        if members and arrived_ns >= (last_ns if good_ns is None else good_ns):
            break
        members.append(place)
        last_ns = max(last_ns, ended_ns)
        if fetches.good[place]:
            good_ns = ended_ns if good_ns is None else min(good_ns, ended_ns)
    return members, last_ns if good_ns is None else good_ns
