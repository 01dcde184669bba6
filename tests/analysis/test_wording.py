"""Numbers in sentences."""

from __future__ import annotations

import pytest

from gatebench.analysis.wording import count, text


@pytest.mark.parametrize(
    ("number", "said"), [(2.0, "2"), (0.99, "0.99"), (0.995049, "0.995"), (1234.5, "1234"), (3.31216e-3, "0.003312")]
)
def test_text(number: float, said: str) -> None:
    """Numbers are written with four significant digits and without a needless point."""
    assert text(number) == said


def test_count() -> None:
    """One of a thing is no plural."""
    assert [count(number, "row") for number in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]
