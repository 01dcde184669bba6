"""The columns of a run's samples that all metrics share: times in the units of metrics, what was good, and the phase."""

from __future__ import annotations

from typing import Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from gatebench.analysis.columns import is_any, parts, pieced, values_of, worded
from gatebench.analysis.rows import compute, put
from gatebench.analysis.windows import TRANSITION, Window, label
from gatebench.plan import Plan
from gatebench.sample import NEVER
from gatebench.stats import Floats

NS_PER_MS: Final = 1e6
_SMALL: Final = 100


class Cuts(NamedTuple):
    """What takes rows out of the phases: the edges of faults, and the stretches in which one was on by hand."""

    edges: tuple[int, ...]
    by_hand: tuple[tuple[int, int], ...]


def derive(samples: pd.DataFrame, plan: Plan, start_ns: int) -> None:
    """Add the columns that all metrics share; of rows that are read when asked, their formulas."""
    deadline_ms = plan.load.deadlines.total_ns / NS_PER_MS
    streams = [route.name for route in plan.traffic.routes if route.stream]
    planned = plan.load.locustfile is None  # Locust's users are due when they ask: that says nothing of us

    def moment(rows: pd.DataFrame, name: str) -> npt.NDArray[np.int64]:
        return cast("npt.NDArray[np.int64]", values_of(rows, name))

    def ended(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
        left = is_any(values_of(rows, "outcome"), ("unsent", "in_flight"))
        return np.asarray((moment(rows, "done_ns") != NEVER) & ~left)

    def complete(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
        whole = ~is_any(values_of(rows, "route"), streams) | (values_of(rows, "terminal") == 1)
        return np.asarray(is_any(values_of(rows, "outcome"), ("ok",)) & whole)

    def due_s(rows: pd.DataFrame) -> Floats:
        due_ns = moment(rows, "due_ns")
        return pieced(len(rows), lambda part: (due_ns[part] - start_ns) / 1e9)

    def done_s(rows: pd.DataFrame) -> Floats:
        done_ns = moment(rows, "done_ns")
        return pieced(
            len(rows), lambda part: np.where(done_ns[part] == NEVER, np.nan, (done_ns[part] - start_ns) / 1e9)
        )

    def response_ms(rows: pd.DataFrame) -> Floats:
        done_ns, due_ns, over = moment(rows, "done_ns"), moment(rows, "due_ns"), ended(rows)

        def took_ms(part: slice) -> Floats:
            return np.where(over[part], (done_ns[part] - due_ns[part]) / NS_PER_MS, deadline_ms)

        return pieced(len(rows), took_ms)

    def service_ms(rows: pd.DataFrame) -> Floats:
        done_ns, sent_ns, over = moment(rows, "done_ns"), moment(rows, "sent_ns"), ended(rows)

        def took_ms(part: slice) -> Floats:
            took = np.where(over[part], (done_ns[part] - sent_ns[part]) / NS_PER_MS, deadline_ms)
            return np.where(sent_ns[part] != NEVER, took, np.nan)

        return pieced(len(rows), took_ms)

    def dispatch_ms(rows: pd.DataFrame) -> Floats:
        sent_ns, due_ns = moment(rows, "sent_ns"), moment(rows, "due_ns")

        def late_ms(part: slice) -> Floats:
            there = (sent_ns[part] != NEVER) & planned
            return np.where(there, (sent_ns[part] - due_ns[part]) / NS_PER_MS, np.nan)

        return pieced(len(rows), late_ms)

    def good(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
        in_time = values_of(rows, "response_ms") <= plan.objective.response_ms
        return cast("npt.NDArray[np.bool_]", values_of(rows, "complete") & in_time)

    for name, formula in (
        ("due_s", due_s),
        ("done_s", done_s),
        ("response_ms", response_ms),
        ("service_ms", service_ms),
        ("dispatch_ms", dispatch_ms),
        ("complete", complete),
        ("good", good),
    ):
        compute(samples, name, formula)
    nothing = np.zeros(len(samples), np.int32)
    put(samples, "attempts", nothing)
    put(samples, "completed", nothing)
    put(samples, "made_by", nothing - 1)


def label_rows(
    samples: pd.DataFrame, phases: tuple[Window, ...], cuts: Cuts, start_ns: int, end_ns: int, *, own_pace: bool
) -> None:
    """Add the effective phase of each row, or "transition"."""
    names = [phase.name for phase in phases]
    names = names if TRANSITION in names else [*names, TRANSITION]
    codes = np.empty(len(samples), np.int16 if len(names) > _SMALL else np.int8)
    due, done, ordinal = (values_of(samples, name) for name in ("due_ns", "done_ns", "ordinal"))
    for part in parts(len(samples)):
        due_ns = due[part] - start_ns
        # What the user's own code asks for after the end of the load, because it was in the middle of something, belongs
        # to the last phase: that is where it began.
        begun = own_pace | (ordinal[part] > 0)
        due_ns = np.where(begun, np.minimum(due_ns, end_ns - 1), due_ns)
        done_ns = np.where(done[part] == NEVER, np.iinfo(np.int64).max, done[part] - start_ns)
        labels = label(due_ns, done_ns, phases, cuts.edges, cuts.by_hand)
        codes[part] = np.where(labels < 0, names.index(TRANSITION), labels)
    put(samples, "label", worded(codes, names))
