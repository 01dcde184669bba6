"""What a toxic has done so far, counted live: the proof that an injected fault hit something."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Effects:
    """Counts of one toxic over all connections of its proxy; a chunk is what one read of a socket gave.

    `connections_hit` counts each direction of a connection on which the toxic began to act.
    """

    connections_hit: int = 0
    connections_closed: int = 0
    connections_reset: int = 0
    closes_delayed: int = 0
    chunks_delayed: int = 0
    chunks_sliced: int = 0
    chunks_dropped: int = 0
    bytes_dropped: int = 0
