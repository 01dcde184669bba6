"""Where an answer breaks that breaks after so many tokens: the chunk, and the part of it that still goes out."""

from __future__ import annotations

import re

from gatebench.execution.upstream.faults.contract import Hit


def breaks_here(hit: Hit, after_tokens: int) -> bool:
    """Tell whether the chunk brings the token after `after_tokens`, or the last one of an answer that has no more.

    A whole answer is one chunk, which every token is in.
    """
    return hit.whole or hit.attempt.tokens_out < hit.tokens == min(after_tokens + 1, hit.total)


def beginning(hit: Hit, data: bytes, after_tokens: int) -> tuple[bytes, int]:
    """Return what of `data` goes out when it breaks within the token after `after_tokens`, and the tokens out by then.

    What has no tokens breaks in its middle.
    """
    before = max(0, min(after_tokens, hit.total - 1))
    word = re.search(rb'[" ]w%d[" ]' % (before + 1), data) if hit.total else None
    if word is None:
        return data[: len(data) // 2], 0 if hit.whole else hit.attempt.tokens_out
    return data[: word.start() + 2], before
