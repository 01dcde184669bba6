"""Prompts that only look alike: about a person or about now. Their answers are never served to another wording."""

from __future__ import annotations

import re

# A short list on purpose: each word here is one that turns two nearly equal prompts into different questions.
_PERSONAL = ("i", "i'm", "i've", "me", "mine", "my", "myself", "our", "ours", "us", "we")
_TIME_BOUND = (
    "current", "currently", "latest", "live", "news", "now", "price", "prices", "recent", "recently", "score",
    "stock", "today", "today's", "tomorrow", "tonight", "weather", "yesterday",
)  # fmt: skip
_RELATIVE = (
    r"(?:this|last|next) (?:hour|morning|afternoon|evening|week|weekend|month|quarter|year)|right now|at the moment"
)
_RULE = re.compile(rf"(?<![\w'])(?:{'|'.join((*_PERSONAL, *_TIME_BOUND))}|{_RELATIVE})(?![\w'])", re.IGNORECASE)


def is_personal_or_time_bound(prompt: str) -> bool:
    """Tell whether the answer to `prompt` depends on who asks or when."""
    return _RULE.search(prompt.replace("’", "'")) is not None
