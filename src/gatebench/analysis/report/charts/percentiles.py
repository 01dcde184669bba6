"""The whole distribution of response times, phase by phase, with the tail drawn as wide as the middle."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from gatebench.analysis.columns import numbers
from gatebench.analysis.report.charts.chart import Chart, Column, Data, NoChart, decimals
from gatebench.analysis.report.words import milliseconds
from gatebench.analysis.tables import RunTables
from gatebench.analysis.windows import TRANSITION
from gatebench.stats import BEYOND, Floats, beyond, percentile

TITLE: Final = "Distribution of response times"
STEPS_PER_NINE: Final = 24
LEAST_ROWS: Final = 20


def build(tables: RunTables) -> Chart | NoChart:
    """Return the chart of the headline rows of each phase."""
    phases = [window.name for window in tables.windows if window.role != "warmup"]
    if TRANSITION not in phases:
        phases.append(TRANSITION)
    times = {name: np.sort(numbers(tables.phase_rows(name)["response_ms"])) for name in phases}
    times = {name: values for name, values in times.items() if len(values) >= LEAST_ROWS}
    if not times:
        return NoChart(TITLE, f"No phase holds {LEAST_ROWS} requests.")
    medians = "; ".join(
        f"{name}: p50 {milliseconds(percentile(values, 0.5))}, p99 {milliseconds(percentile(values, 0.99))}"
        for name, values in times.items()
    )
    return Chart(
        id="percentiles",
        kind="percentiles",
        title=TITLE,
        caption="Nearest-rank percentiles of all requests of a phase, timeouts at their deadline. Each step to the right is "
        f"one “nine” more. Where a line is dotted, fewer than {BEYOND} requests lie beyond it: it shows single requests, not "
        "a percentile to judge by.",
        label=medians + ".",
        data=(Data("percentiles", _columns(times)),),
        facts={"phases": list(times), "objective_ms": tables.plan.objective.response_ms, "beyond": BEYOND},
        switches={"scale": ("log", "linear")},
    )


def _columns(times: dict[str, Floats]) -> dict[str, Column]:
    codes, shares, values, left = [], [], [], []
    for code, ordered in enumerate(times.values()):
        n = len(ordered)
        for share in _shares(n):
            codes.append(code)
            shares.append(share)
            values.append(percentile(ordered, share))
            left.append(beyond(n, share))
    return {
        "phase": {"words": list(times), "codes": codes},
        "share": decimals(shares, 7),
        "response_ms": decimals(values, 3),
        "requests_beyond": left,
    }


def _shares(n: int) -> list[float]:
    """Return shares at equal steps of −log₁₀(1 − share), up to the last one that still has a request beyond it."""
    steps = math.floor(math.log10(n) * STEPS_PER_NINE + 1e-9)
    return [1 - 10 ** (-step / STEPS_PER_NINE) for step in range(1, steps + 1)]
