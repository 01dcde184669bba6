"""What makes two requests the same question."""

from __future__ import annotations

import hashlib
import json
from typing import Any

# Who asks is the scope's business, and whether usage is reported with a stream does not change an answer's content.
_NOT_THE_QUESTION = frozenset(("user", "metadata", "safety_identifier", "prompt_cache_key", "store"))


def canonical(body: bytes) -> bytes:
    """Return a body with what does not matter taken out: spaces between its parts, the order of fields, and who asks.

    What is not a JSON object is its own canonical form.
    """
    asked = parsed(body)
    if asked is None:
        return body
    question = {name: value for name, value in asked.items() if name not in _NOT_THE_QUESTION}
    return json.dumps(question, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
        errors="surrogatepass"
    )


def cache_key(method: str, path: str, body: bytes, scope: str) -> str:
    """Return the key of a question: BLAKE2b-160 of method, path with query, canonical body and scope (a tenant or "")."""
    digest = hashlib.blake2b(digest_size=20)
    for part in (scope.encode(), method.encode(), path.encode(), canonical(body)):
        digest.update(b"%d:" % len(part))  # with their lengths, no two different lists of parts read the same
        digest.update(part)
    return digest.hexdigest()


def parsed(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object that `body` is, None when it is none."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return asked if isinstance(asked, dict) else None
