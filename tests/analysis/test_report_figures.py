"""The key figures: what is unknown says so and why, and is never 0 or blank."""

from __future__ import annotations

from typing import Any

import pytest

from gatebench.analysis.report import figures, provenance
from gatebench.analysis.report.reading import read
from gatebench.run.summary import MetricValue
from tests.analysis.conftest import Read, Reading


def metric(**facts: object) -> MetricValue:
    """Return a metric with these facts."""
    usual = {"name": "x", "title": "X", "unit": "ms", "better": "lower", "status": "known"}
    return MetricValue.model_validate(usual | facts)


@pytest.mark.parametrize(
    ("given", "text", "interval", "note"),
    [
        (metric(value=45.2, low=44.0, high=46.0), "45.2\u202fms", "44.0–46.0\u202fms", ""),
        (metric(value=0.0, unit="requests"), "0", "", ""),
        (metric(status="unknown", why="too few rows"), "unknown", "", "too few rows"),
        (metric(status="known", value=None), "unknown", "", ""),  # a broken metric is unknown, never blank
        (metric(status="censored", value=8.0, unit="s", why="not reached"), "> 8.00\u202fs", "", "not reached"),
        (None, "not measured", "", ""),
    ],
)
def test_figure_in_words(given: MetricValue | None, text: str, interval: str, note: str) -> None:
    """Known, unknown, censored and absent figures each read as what they are."""
    shown = figures.figure(given)
    assert (shown.text, shown.interval, shown.note) == (text, interval, note)


def test_table_by_phase(healthy: Reading) -> None:
    """Columns are the effective phases without the warm-up, and the transitions; no cell is empty."""
    key = figures.by_phase(read(healthy.folder), healthy.summary)
    assert [column.name for column in key.columns] == ["baseline", "fault", "recovery", "transition"]
    cells = [cell for group in key.groups for row in group.rows for cell in row.cells]
    assert all(cell.text for cell in cells)
    assert all(len(row.cells) == 4 for group in key.groups for row in group.rows)


def test_reasons_become_footnotes(healthy: Reading) -> None:
    """Each reason for an unknown figure is noted once, in the order of reading."""
    key = figures.by_phase(read(healthy.folder), healthy.summary)
    unknown = [cell for group in key.groups for row in group.rows for cell in row.cells if cell.status == "unknown"]
    assert unknown
    assert {cell.note for cell in unknown} == set(key.notes)
    assert len(key.notes) == len(set(key.notes))


def test_one_line_when_nothing_went_wrong(healthy: Reading, reading: Read) -> None:
    """Four lines of zeros are one line; where something went wrong, each kind has its own with its share."""
    calm = figures.by_phase(read(healthy.folder), healthy.summary)
    assert [row.label for group in calm.groups if group.title == "Not answered well" for row in group.rows] == [
        "Rejected, errors, timeouts, unsent"
    ]
    sick = reading(lost=5, rejected=2)
    rows = next(
        g for g in figures.by_phase(read(sick.folder), sick.summary).groups if g.title == "Not answered well"
    ).rows
    assert [(row.label, row.cells[1].text) for row in rows] == [
        ("Rejected (429)", "2"),
        ("Errors", "5"),
        ("Timeouts", "0"),
        ("Unsent, target full", "0"),
    ]
    assert rows[1].cells[1].interval.endswith("%")


def test_tiles_are_the_figures_of_the_run(healthy: Reading) -> None:
    """A run with a fault has its failover, recovery, losses, duplicates and amplification as tiles."""
    shown = {tile.label: tile.figure.text for tile in figures.tiles(healthy.summary)}
    assert list(shown) == [
        "Failover time",
        "Time to recover",
        "Requests lost",
        "Duplicate executions",
        "Amplification",
    ]
    assert shown["Requests lost"] == "0"


def test_command_has_its_seed(healthy: Reading) -> None:
    """The command line to repeat a run fixes the seed, is quoted for a shell, and keeps a seed that was given."""
    record = healthy.folder.load()
    again = record.model_copy(update={"command": ["bench", "run", "a b", "--target", "x"]})
    assert provenance.command(again) == f"bench run 'a b' --target x --seed {record.plan.seed}"
    given = record.model_copy(update={"command": ["bench", "run", "x", "--seed=9"]})
    assert provenance.command(given) == "bench run x --seed=9"
    assert provenance.command(record.model_copy(update={"command": []})) == ""


def test_facts_are_flat_and_honest() -> None:
    """Nested facts become lines, lists one text, and what nobody knows says so."""
    nested: dict[str, Any] = {"machine": {"cores": 2, "load_average": [0.1, 0.2]}, "commit": None, "none": []}
    assert provenance.facts(nested) == [
        ("machine · cores", "2"),
        ("machine · load average", "0.1, 0.2"),
        ("commit", "not known"),
        ("none", "none"),
    ]


def test_events_tell_moments(healthy: Reading) -> None:
    """Every event of the run is listed with its moment and its facts, times in the reader's units."""
    rows = provenance.events(healthy.tables)
    assert len(rows) == len(healthy.tables.events)
    canary = next(row for row in rows if row["event"] == "canary")
    assert "took 45.0\u202fms" in canary["facts"]
    assert "pooled no" in canary["facts"]


def test_check_on_a_moment_that_was_not_reached(reading: Read) -> None:
    """A failover that never came is "longer than", in the table of checks too."""
    run = reading(hang=True, failover=False)
    assert figures.judged(run.summary, run.check("failover_time_s")).text == "> 5.00\u202fs"
    lost = figures.judged(run.summary, run.check("requests_lost"))
    assert (lost.status, lost.interval) == ("known", "")
    unknown = run.check("requests_lost").model_copy(update={"value": None})
    assert figures.judged(run.summary, unknown).text == "unknown"
