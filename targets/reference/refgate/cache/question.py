"""A chat request taken apart for a semantic cache: the prompt, and everything that must be equal around it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from .key import cache_key, parsed


class Question(NamedTuple):
    """`prompt` is the last message of the user; `frame` stands for all the rest: scope, path, model, earlier messages."""

    prompt: str
    frame: str


def question_of(path: str, body: bytes, scope: str) -> Question | None:
    """Return the question of a chat request, None for what is none or whose last message is not plain text."""
    asked = parsed(body)
    messages = asked.get("messages") if asked is not None else None
    if asked is None or not isinstance(messages, list) or not messages:
        return None
    last: Any = messages[-1]
    if not isinstance(last, dict) or last.get("role") != "user" or not isinstance(last.get("content"), str):
        return None
    rest = {**asked, "messages": [*messages[:-1], {**last, "content": ""}]}
    return Question(last["content"], cache_key("frame", path, json.dumps(rest).encode(), scope))
