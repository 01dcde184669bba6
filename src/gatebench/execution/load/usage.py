"""What the generator itself costs: its processor time over the load, and in its busiest second."""

from __future__ import annotations

import resource
import time


class Usage:
    """Processor time of this process from `begin` on. `tick` is called about once a second."""

    def __init__(self) -> None:
        self._began = self._last = (0, 0)
        self._peak_share = 0.0

    def begin(self) -> None:
        """The load begins now."""
        self._began = self._last = _now()

    def tick(self) -> None:
        """Close one interval of the search for the busiest one; intervals under half a second are not looked at."""
        now = _now()
        if self._last[0] and now[0] - self._last[0] > 500_000_000:
            self._peak_share = max(self._peak_share, _share(self._last, now))
            self._last = now

    def facts(self) -> dict[str, float | int]:
        """Return cpu_s, wall_s, cpu_share (of one core), cpu_share_peak (busiest second) and max_rss_bytes."""
        now = _now() if self._began[0] else (0, 0)
        share = _share(self._began, now)
        return {
            "cpu_s": (now[1] - self._began[1]) / 1e9,
            "wall_s": (now[0] - self._began[0]) / 1e9,
            "cpu_share": share,
            "cpu_share_peak": max(share, self._peak_share),
            "max_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }


def _now() -> tuple[int, int]:
    return time.monotonic_ns(), time.process_time_ns()


def _share(start: tuple[int, int], end: tuple[int, int]) -> float:
    wall_ns = end[0] - start[0]
    return round((end[1] - start[1]) / wall_ns, 4) if wall_ns > 0 else 0.0
