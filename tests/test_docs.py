"""What the documentation says of formats and commands is what the code does."""

import re
from pathlib import Path

import pytest

from gatebench.analysis.summary import schema_json
from gatebench.sample import TABLES

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_every_column_is_documented(table: object) -> None:
    """docs/run-folder.md has a row for each column, with the words of the schema."""
    page = (ROOT / "docs" / "run-folder.md").read_text()
    for column in table.columns:  # type: ignore[attr-defined]  # parametrize loses the type
        assert f"| `{column.name}` |" in page
        assert column.doc in page, f"{column.name}: remake the table"


def test_the_published_schema_is_the_models() -> None:
    """docs/schemas/summary.schema.json is what `schema_json()` returns."""
    published = (ROOT / "docs" / "schemas" / "summary.schema.json").read_text()
    assert published.strip() == schema_json().strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of the repository."""
    for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_placeholder_is_left(page: Path) -> None:
    """Outputs are pasted from runs, not promised."""
    assert not re.findall(r"\b[A-Z]+_(?:OUTPUT|COLUMNS)\b", page.read_text())


def test_the_licence_of_what_is_vendored_stands_beside_it() -> None:
    """Every vendored script has its licence text in the same folder."""
    vendor = ROOT / "reports" / "vendor"
    assert list(vendor.glob("*.min.js"))
    assert (vendor / "LICENSES.txt").stat().st_size > 500
