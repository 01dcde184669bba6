"""Which API a provider speaks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator

FormatName = Literal["openai", "anthropic", "bedrock"]


def _parsed(value: object) -> object:
    """Return the formats in "provider-a=openai,provider-b=anthropic" by their providers."""
    if not isinstance(value, str):
        return value
    pairs = (part.partition("=") for part in value.split(",") if part.strip())
    return {name.strip(): format_.strip() for name, _, format_ in pairs}


Formats = Annotated[dict[str, FormatName], BeforeValidator(_parsed)]
