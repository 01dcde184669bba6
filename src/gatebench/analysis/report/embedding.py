"""Puts data and scripts into the page so that nothing a server said can become code."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def as_json(document: Any) -> Markup:
    """Return JSON for a `<script type="application/json">`: no `<` in it, so no string can end the element."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str)
    return Markup(text.translate(_ESCAPES))  # noqa: S704 - the characters that matter in HTML are escaped above


def as_script(source: str) -> Markup:
    """Return a script of ours for a `<script>` element; ValueError when it would end the element early."""
    if "</script" in source.lower() or "<!--" in source:
        raise ValueError("a script that holds </script or <!-- cannot stand inside a page")
    return Markup(source)  # noqa: S704 - a file of the reports folder, checked above


def as_style(source: str) -> Markup:
    """Return a style sheet of ours for a `<style>` element; ValueError when it would end the element early."""
    if "</style" in source.lower():
        raise ValueError("a style sheet that holds </style cannot stand inside a page")
    return Markup(source)  # noqa: S704 - a file of the reports folder, checked above


def policy(scripts: Iterable[str]) -> str:
    """Return the page's Content-Security-Policy: no network, and no script but these (by SHA-256 of their text).

    Styles may stand inline: a chart sets the style of its marks. Whatever slips into the page by another way does not run.
    """
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
