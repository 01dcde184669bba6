"""The formats by their names."""

from __future__ import annotations

from collections.abc import Mapping

from ..settings.formats import FormatName
from .anthropic import Anthropic
from .bedrock import Bedrock
from .contract import Format


def build_formats(names: Mapping[str, FormatName]) -> dict[str, Format]:
    """Return the formats of the providers that speak another API than OpenAI's."""
    return {
        provider: Anthropic() if name == "anthropic" else Bedrock()
        for provider, name in names.items()
        if name != "openai"
    }
