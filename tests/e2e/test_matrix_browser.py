"""The matrix of a suite in a real browser: a question puts the targets in order, by mouse and keyboard, and says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.browser import Browser, program
from tests.e2e.test_report_accessibility import AXE, JUDGED

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(program() is None, reason="there is no Chromium")]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "results" / "resilience.html"
_HEADS = '[...document.querySelectorAll("table.matrix thead th")].slice(1).map((head) => head.textContent)'
_ROW = (
    '[...document.querySelectorAll("table.matrix tbody tr")].find((row) => row.cells[0].textContent.startsWith("{}"))'
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The page of a real run, opened once."""
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        browser.open(PAGE)
        yield browser


def keys(browser: Browser, question: str) -> list[Any]:
    """Return what the cells of a question are sorted by, as they stand; None for one without a number."""
    found: list[Any] = browser.evaluate(
        f"[...{_ROW.format(question)}.cells].slice(1).map((cell) => cell.dataset.key === undefined ? null : +cell.dataset.key)"
    )
    return found


def click(browser: Browser, question: str) -> None:
    """Press a question's name, as the keyboard does too: it is a button."""
    browser.evaluate(f'{_ROW.format(question)}.cells[0].querySelector("button").click()')


def test_a_question_puts_the_targets_in_order(browser: Browser) -> None:
    """The best first, then the other way round; every other line moves along, and the unknown stays last."""
    before = browser.evaluate(_HEADS)
    lost = dict(zip(before, keys(browser, "Failover loss"), strict=True))
    click(browser, "Overhead")
    overhead = keys(browser, "Overhead")
    assert overhead == sorted(overhead)
    heads = browser.evaluate(_HEADS)
    assert heads != before and sorted(heads) == sorted(before)
    assert dict(zip(heads, keys(browser, "Failover loss"), strict=True)) == lost
    click(browser, "Overhead")
    assert keys(browser, "Overhead") == overhead[::-1]
    click(browser, "Streams saved")  # of which more is better
    saved = keys(browser, "Streams saved")
    known = [one for one in saved if one is not None]
    assert known == sorted(known, reverse=True) and saved == known + [None] * (len(saved) - len(known))


def test_the_order_is_told_to_those_who_cannot_see_it(browser: Browser) -> None:
    """By aria-sort on the one question that it follows; every question is a button that takes the focus."""
    click(browser, "Failover loss")
    told = browser.evaluate(
        '[...document.querySelectorAll("table.matrix [aria-sort]")].map((head) => [head.textContent.slice(0, 13), head.ariaSort])'
    )
    assert told == [["Failover loss", "ascending"]]
    focused = browser.evaluate(
        f'(() => {{ const button = {_ROW.format("Stampede")}.cells[0].querySelector("button"); button.focus(); '
        "return document.activeElement === button && button.tabIndex === 0; })()"
    )
    assert focused is True


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_no_serious_fault(browser: Browser, width: int, scheme: str) -> None:
    """In the matrix and its caption, on a desk and on a phone, in both themes, with the targets in order."""
    browser.open(PAGE, width=width, scheme=scheme)
    click(browser, "Overhead")
    browser.evaluate(AXE.read_text())
    judged = JUDGED.replace("{ exclude: ['.plot svg > *'] }", "document.querySelector('table.matrix').parentElement")
    assert judged != JUDGED and browser.evaluate(judged) == []
