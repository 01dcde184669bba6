"""Prompts that only look alike: about a person or about now. Their answers are never served to another wording, or not kept at all."""

from __future__ import annotations

import re

# A short list on purpose: each word here is one that turns two nearly equal prompts into different questions.
_PERSONAL = ("i", "i'm", "i've", "me", "mine", "my", "myself", "our", "ours", "us", "we")
_TIME_BOUND = (
    "current", "currently", "latest", "live", "news", "now", "price", "prices", "recent", "recently", "score",
    "stock", "today", "today's", "tomorrow", "tonight", "weather", "yesterday",
)  # fmt: skip
_RELATIVE = r"(?:this|last|next) (?:hour|morning|afternoon|evening|week|weekend|month|quarter|year)|right now|at (?:the|this) moment"
# "How do I reset my router?" asks what everybody may ask; "What is my balance?" does not.
_ADVICE = re.compile(
    r"\s*(?:how (?:do|can|should|to)|(?:can|may|should) (?:i|we)|what should (?:i|we))\b", re.IGNORECASE
)
_NOW = re.compile(rf"(?<![\w'])(?:{'|'.join(_TIME_BOUND)}|{_RELATIVE})(?![\w'])", re.IGNORECASE)
_RULE = re.compile(rf"(?<![\w'])(?:{'|'.join((*_PERSONAL, *_TIME_BOUND))}|{_RELATIVE})(?![\w'])", re.IGNORECASE)


def is_personal_or_time_bound(prompt: str) -> bool:
    """Tell whether the answer to `prompt` depends on who asks or when."""
    return _RULE.search(prompt.replace("’", "'")) is not None


def must_not_be_kept(prompt: str) -> bool:
    """Tell whether even the same words have another answer for somebody else, or a moment later."""
    return _NOW.search(prompt) is not None or (is_personal_or_time_bound(prompt) and not _ADVICE.match(prompt))
