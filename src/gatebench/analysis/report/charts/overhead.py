"""What the path cost beyond the provider, lane by lane: where the curves lie apart, the gateway is what parts them."""

from __future__ import annotations

from typing import Final

import numpy as np

from gatebench.analysis.blocks import WHOLE
from gatebench.analysis.columns import numbers
from gatebench.analysis.report.charts.chart import Chart, Data, NoChart, decimals
from gatebench.analysis.report.words import milliseconds
from gatebench.analysis.tables import RunTables
from gatebench.lanes import block_of
from gatebench.sample import LANES
from gatebench.stats import percentile

TITLE: Final = "Time beyond the provider"
MOST_SHARE: Final = 0.99
STEPS: Final = 100
LEAST_ROWS: Final = 20


def build(tables: RunTables) -> Chart | NoChart:
    """Return the chart of done - sent - stamped service time of each lane, warm-up left out."""
    lanes = LANES[: len(tables.plan.lanes)]
    blocks = tables.blocks.reindex(block_of(tables.load["arrival_id"].to_numpy(np.int64), len(lanes)))
    columns = {lane: numbers(blocks[WHOLE, lane]) for lane in lanes}
    times = {lane: np.sort(column[np.isfinite(column)]) for lane, column in columns.items()}
    if any(len(ordered) < LEAST_ROWS for ordered in times.values()):
        return NoChart(
            TITLE, f"A lane holds fewer than {LEAST_ROWS} complete answers that say how long the provider took."
        )
    shares = [MOST_SHARE * step / STEPS for step in range(1, STEPS + 1)]
    medians = ", ".join(f"{lane} {milliseconds(percentile(ordered, 0.5))}" for lane, ordered in times.items())
    return Chart(
        id="overhead",
        kind="lines",
        title=TITLE,
        caption="Share of requests that took at most so many milliseconds beyond the provider’s own time, up to the p99. "
        "Direct and null are two equal paths past the gateway; the distance from them to target is what the gateway adds.",
        label=f"Median time beyond the provider: {medians}.",
        data=(
            Data(
                "overhead",
                {
                    "beyond_ms": decimals(
                        [percentile(ordered, share) for ordered in times.values() for share in shares], 4
                    ),
                    "share": decimals([share for _ in times for share in shares], 4),
                    "lane": {"words": list(lanes), "codes": [code for code, _ in enumerate(times) for _ in shares]},
                },
            ),
        ),
        facts={"x": "beyond_ms", "y": "share", "by": "lane", "y_label": "share of requests", "time": False},
    )
