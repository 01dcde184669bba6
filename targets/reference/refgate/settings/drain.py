"""How the gateway ends."""

from __future__ import annotations

from pydantic import Field

from .section import Seconds, Section


class DrainConfig(Section):
    """After SIGTERM: how long connections are still taken, readiness red, and how long requests may then go on."""

    delay_s: float = Field(ge=0)
    timeout_s: Seconds
