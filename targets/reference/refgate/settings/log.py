"""What is written down."""

from __future__ import annotations

from .section import Section


class LogConfig(Section):
    """With `requests` each request is one line on stderr when it has ended."""

    requests: bool = False
