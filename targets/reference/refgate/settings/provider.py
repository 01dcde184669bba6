"""Who is asked."""

from __future__ import annotations

from pydantic import Field

from .section import Section


class ProviderConfig(Section):
    """One upstream; `url` has no path: clients' paths are appended to it."""

    name: str = Field(min_length=1)
    url: str = Field(pattern=r"^https?://[^/]+$")
