"""Numbers as people read them, so that every sentence of a summary writes them alike."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """Return "1 row", "2 rows"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def text(number: float) -> str:
    """Return a number with four significant digits; a whole number below a million stands without a point."""
    return f"{number:.0f}" if number == round(number) and abs(number) < 1e6 else f"{number:.4g}"
