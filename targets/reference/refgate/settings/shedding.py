"""How much is taken on at the same time."""

from __future__ import annotations

from pydantic import Field

from .section import Section


class SheddingConfig(Section):
    """Requests under way in the whole gateway, and with each provider; 0 is no limit."""

    in_flight: int = Field(default=0, ge=0)
    bulkhead: int = Field(default=0, ge=0)
