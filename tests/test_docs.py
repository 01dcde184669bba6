"""What the documentation says of formats and commands is what the code does."""

import re
from pathlib import Path

import pytest

from gatebench.analysis.checks import sentence
from gatebench.analysis.metrics import metrics
from gatebench.analysis.summary import schema_json
from gatebench.content import Content
from gatebench.sample import TABLES

CONTENT = Content()
ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *(ROOT / "docs").glob("**/*.md")])
METRICS = metrics()
SCENARIOS = ROOT / "docs" / "scenarios"


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


@pytest.mark.parametrize("name", CONTENT.scenario_names())
def test_a_scenario_has_a_page_with_a_result_of_its_own(name: str) -> None:
    """The page shows a run of the scenario as it is: its first result has the checks of the file, and how to read them."""
    page = (SCENARIOS / f"{name}.md").read_text()
    assert f"bench run {name} " in page
    assert "## How to read it" in page
    result = page.partition("<!-- result -->")[2].partition("<!-- end of the result -->")[0]
    shown = " ".join(result.split())  # long sentences are folded
    for use in CONTENT.scenario(name).scenario.checks:
        words = sentence(use, METRICS.get(use.metric))
        assert words in shown, f"{words}: scripts/scenario-pages {name}"


def test_the_index_has_every_scenario() -> None:
    """docs/scenarios/README.md links to each page."""
    index = (SCENARIOS / "README.md").read_text()
    assert [name for name in CONTENT.scenario_names() if f"({name}.md)" not in index] == []
