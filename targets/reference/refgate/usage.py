"""What a request costs in tokens: estimated from its text before, read from the answer's usage afterwards.

A guess at the text: four characters are a token of English (https://platform.openai.com/tokenizer). An answer that does
not say what it used is counted as its prompt was estimated, and a stream with one token for each of its events.
"""

from __future__ import annotations

import json
from typing import Any

_CHARACTERS_A_TOKEN = 4
_TEXTS = ("messages", "system", "input", "prompt")
_LONGEST_LINE = 65_536


def estimated_tokens(body: bytes) -> int:
    """Return the tokens of the prompt in `body`, at least one."""
    asked = _parsed(body)
    characters = sum(_characters(asked.get(name)) for name in _TEXTS)
    return max(1, -(-characters // _CHARACTERS_A_TOKEN))


def used_tokens(body: bytes) -> int | None:
    """Return the tokens that an answer bills, None when it does not say."""
    return _total(_usage(_parsed(body)))


class UsageTap:
    """Reads the usage out of an event stream as its pieces pass."""

    def __init__(self) -> None:
        self._rest = b""
        self._usage: dict[str, int] = {}
        self.events = 0

    def __call__(self, piece: bytes) -> None:
        """Look at the next piece."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                self.events += 1
                if b'"usage"' in line:
                    # Anthropic tells the prompt's tokens in its first event and the answer's in a later one.
                    self._usage |= _usage(_parsed(line[5:]))
        self._rest = self._rest[-_LONGEST_LINE:]

    @property
    def tokens(self) -> int | None:
        """What the stream has said that it bills, None when it has not."""
        return _total(self._usage)


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(text)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _usage(answer: dict[str, Any]) -> dict[str, int]:
    message = answer.get("message")
    found = answer.get("usage") or (message.get("usage") if isinstance(message, dict) else None)
    if not isinstance(found, dict):
        return {}
    return {name: number for name, number in found.items() if isinstance(number, int)}


def _total(usage: dict[str, int]) -> int | None:
    if "total_tokens" in usage:
        return usage["total_tokens"]
    parts = [
        usage[name] for name in ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens") if name in usage
    ]
    return sum(parts) if parts else None


def _characters(value: object) -> int:
    """Return the characters of all texts within `value`, which are the values called content or text, or bare strings."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list):
        return sum(_characters(item) for item in value)
    if isinstance(value, dict):
        return sum(_characters(value.get(name)) for name in ("content", "text"))
    return 0
