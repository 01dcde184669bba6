"""Conditional requests of clients, answered from what is kept (RFC 9110, section 13; RFC 9111, section 4.3.2)."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

from multidict import CIMultiDict

from ..answer import Whole

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
CONDITIONS = ("If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since", "If-Range", "Range")
# The fields of a 304 that a client may need to keep its copy up to date (RFC 9110, 15.4.5), and what this cache says.
_OF_304 = frozenset(
    ("cache-control", "content-location", "date", "etag", "expires", "vary", "last-modified", "age", "x-cache")
)


def unchanged(answer: Whole, request_headers: CIMultiDict[str]) -> bool:
    """Tell whether the client has this answer already: by its tags, or without any by its date."""
    if answer.status != 200:
        return False
    tags = request_headers.getall("If-None-Match", ())
    if tags:
        own = _TAG.fullmatch(answer.headers.get("ETag", ""))
        return any(text.strip() == "*" or (own and own[1] in _TAG.findall(text)) for text in tags)
    since, changed = request_headers.get("If-Modified-Since"), answer.headers.get("Last-Modified")
    if since is None or changed is None:
        return False
    try:
        return parsedate_to_datetime(changed) <= parsedate_to_datetime(since)
    except (ValueError, TypeError, OverflowError):
        return False  # a date that is none is no condition


def not_modified(answer: Whole) -> Whole:
    """Return the 304 that stands for `answer`."""
    fields = CIMultiDict((name, value) for name, value in answer.headers.items() if name.lower() in _OF_304)
    return Whole(304, fields, b"")
