"""What the sections of the configuration share: frozen, and a name that nobody reads is a mistake."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, le=3600)]
SecondsOrOff = Annotated[float, Field(ge=0, le=3600)]


class Section(BaseModel):
    """One family of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")
