"""The style sheet: enough contrast in both themes and on paper, and nothing from elsewhere."""

from __future__ import annotations

import re

import pytest

from gatebench.content import shipped_root

STYLE = (shipped_root() / "reports" / "style.css").read_text()
COLOURS = {
    name: pair
    for name, *pair in re.findall(
        r"--([a-z]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", STYLE.partition("@media")[0]
    )
}
PRINTED = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{3,6});", STYLE.partition("@media print")[2]))
TEXTS = ("ink", "soft", "accent", "pass", "fail", "doubt", "invalid")
MARKS = ("blue", "orange", "green", "vermillion", "purple", "sky", "grey")


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2, "relative luminance")."""
    digits = colour.lstrip("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours: 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_computed_right() -> None:
    """Black on white is 21, a colour on itself 1, and #767676 on white the well-known 4.54."""
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#777777") == 1
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("name", TEXTS)
def test_text_can_be_read(name: str, theme: int) -> None:
    """Every colour of text has a contrast of 4.5 to 1 against paper and wash (WCAG 2.2 AA, 1.4.3)."""
    for ground in ("paper", "wash"):
        assert contrast(COLOURS[name][theme], COLOURS[ground][theme]) >= 4.5, ground


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("name", MARKS)
def test_marks_can_be_seen(name: str, theme: int) -> None:
    """Every colour of a chart has a contrast of 3 to 1 against the paper (WCAG 2.2 AA, 1.4.11)."""
    assert contrast(COLOURS[name][theme], COLOURS["paper"][theme]) >= 3


@pytest.mark.parametrize("name", TEXTS)
def test_print_can_be_read(name: str) -> None:
    """On paper the text is dark on white, whatever the theme was."""
    assert contrast(PRINTED[name], PRINTED["paper"]) >= 4.5


def test_nothing_comes_from_elsewhere() -> None:
    """The style sheet loads nothing and draws no gradient."""
    assert not re.search(r"url\(|@import|@font-face|gradient", STYLE)
