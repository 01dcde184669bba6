"""Cache-Control as data (RFC 9111, section 5.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_DIRECTIVE = re.compile(r"""([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?""")


def directives(values: Iterable[str]) -> dict[str, str]:
    """Return the directives of all Cache-Control fields by their names in lower case; one without a value has "".

    Of a directive that comes twice the first counts (section 4.2.1 allows that).
    """
    found: dict[str, str] = {}
    for value in values:
        for name, quoted, token in _DIRECTIVE.findall(value):
            found.setdefault(name.lower(), quoted or token)
    return found


def seconds(said: Mapping[str, str], name: str) -> float | None:
    """Return the seconds of a directive; None when it is not there, 0 for what is no number: that is stale at once."""
    text = said.get(name)
    if text is None:
        return None
    return float(text) if text.isascii() and text.isdigit() else 0.0
