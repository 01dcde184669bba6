"""Tells when a stream has begun to answer: before its first token nobody has seen anything, and others may be asked."""

from __future__ import annotations

import json
from typing import Any

from .formats.sse import EventReader

_PREAMBLE = frozenset(("message_start", "content_block_start", "ping"))
_MOST_BYTES = 65_536


class FirstToken:
    """Reads along until an event comes that is more than a preamble."""

    def __init__(self) -> None:
        self._reader = EventReader()
        self._bytes = 0

    def came(self, data: bytes) -> bool:
        """Tell whether `data`, or what came before, holds a token; one that hides for long is taken to have come."""
        self._bytes += len(data)
        return any(_is_token(said) for said in self._reader.feed(data)) or self._bytes > _MOST_BYTES


def _is_token(said: bytes) -> bool:
    """Tell whether an event is more than an announcement: what we do not know is."""
    try:
        event = json.loads(said)
    except ValueError:
        return True
    if not isinstance(event, dict):
        return True
    return event.get("type") not in _PREAMBLE and not _announces(event.get("choices"))


def _announces(choices: Any) -> bool:
    """Tell whether a chunk of OpenAI's says no more than that an assistant speaks."""
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        return False
    delta = choices[0].get("delta")
    if not isinstance(delta, dict) or choices[0].get("finish_reason") is not None:
        return False
    return not any(value for name, value in delta.items() if name != "role")
