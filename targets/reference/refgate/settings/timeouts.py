"""How long anything may take."""

from __future__ import annotations

from .section import Seconds, Section


class TimeoutConfig(Section):
    """Seconds to connect, for an attempt, for all of them, between two pieces of a stream, for a client's body."""

    connect_s: Seconds
    attempt_s: Seconds
    total_s: Seconds
    idle_s: Seconds
    body_s: Seconds
