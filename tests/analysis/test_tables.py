"""The tables: which rows count, what they count as, and how both ends of the wire are joined."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gatebench.analysis.tables import read
from gatebench.run.assemble import assemble
from gatebench.traffic import Route
from tests.analysis.conftest import Read, Reading
from tests.factory import make_run

TINY = {"rate_per_s": 50, "warmup_s": 0.5, "baseline_s": 2.0, "fault_s": 2.0, "recovery_s": 2.0}


def test_headline_rows_are_load_only(healthy: Reading) -> None:
    """Warm-up rows are in the table and in no headline."""
    assert set(healthy.tables.samples["kind"]) == {"warmup", "load"}
    assert set(healthy.tables.load["kind"]) == {"load"}
    assert set(healthy.tables.load["label"]) <= {"baseline", "fault", "recovery", "transition"}


def test_what_was_asked_is_made_again_from_the_seed(healthy: Reading) -> None:
    """The stamps of the answers say the same."""
    tables = healthy.tables
    answered = tables.samples["provider"].notna().to_numpy() & (tables.samples["stamp_matches"].to_numpy() & 1 == 1)
    assert answered.sum() > 100
    assert len(tables.asked) == len(tables.samples)
    attempts = tables.attempts
    assert attempts is not None
    of_row = attempts[attempts["sample"] >= 0].drop_duplicates("sample").set_index("sample")["fingerprint"]
    assert (tables.asked["fingerprint"].iloc[of_row.index] == of_row).all()
    assert set(tables.asked["key"]) == {-1}


def test_times(healthy: Reading) -> None:
    """Response is done - due, service done - sent, dispatch sent - due; so response = service + dispatch."""
    rows = healthy.tables.load
    assert ((rows["done_ns"] - rows["due_ns"]) / 1e6).equals(rows["response_ms"])
    assert np.allclose(rows["response_ms"], rows["service_ms"] + rows["dispatch_ms"])
    assert (rows["due_s"] * 1e9 + healthy.tables.start_ns - rows["due_ns"]).abs().max() < 1000


def test_row_the_target_had_no_slot_for_is_a_timeout_of_the_target(reading: Read) -> None:
    """Unsent by pool counts, at the total deadline; unsent by generator does not count at all."""
    tables = reading(unsent_pool=5, unsent_generator=4).tables
    unsent = tables.samples[tables.samples["outcome"] == "unsent"]
    assert len(unsent) == 9
    counted = tables.load[tables.load["outcome"] == "unsent"]
    assert counted["cause"].tolist() == ["pool"] * 5
    assert counted["response_ms"].tolist() == [5000.0] * 5
    assert counted["service_ms"].isna().all()
    assert not counted["good"].any()


def test_rows_cut_off_by_a_stop_are_no_answer_of_the_target(reading: Read) -> None:
    """What was in flight when the run was stopped is left out of every headline."""
    tables = reading(stopped_at_s=6.0).tables
    assert (tables.samples["outcome"] == "in_flight").any()
    assert not (tables.load["outcome"] == "in_flight").any()
    assert tables.end_ns == 6_000_000_000


def test_good_is_complete_within_the_objective(reading: Read) -> None:
    """An answer later than the objective is complete, but not good."""
    rows = reading(objective_ms=50).tables.load
    assert rows["complete"].all()
    assert (rows["good"] == (rows["response_ms"] <= 50)).all()
    assert 0 < rows["good"].sum() < len(rows)


def test_stream_without_its_end_is_not_complete(tmp_path: Path) -> None:
    """An ok row of a stream that never said it was over does not count as complete."""
    folder = make_run(tmp_path, **TINY, routes=(Route(name="talk", stream=True),))
    assert read(folder).samples["complete"].all()
    assemble(folder)
    table = pq.read_table(folder.samples)
    terminal = pa.array([0, *table["terminal"].to_pylist()[1:]], pa.uint8())
    pq.write_table(table.set_column(table.schema.get_field_index("terminal"), "terminal", terminal), folder.samples)
    for path in folder.parts.glob("*.arrow"):
        path.unlink()
    complete = read(folder).samples["complete"]
    assert complete.tolist() == [False, *[True] * (len(complete) - 1)]


def test_attempts_are_joined_by_request_id(healthy: Reading) -> None:
    """Every attempt that is no canary names the row it was made for, and rows know how many they caused."""
    tables = healthy.tables
    assert tables.attempts is not None
    asked = tables.attempts[tables.attempts["kind"] != "canary"]
    mine = tables.samples.loc[asked["sample"], "request_id"]
    assert mine.tolist() == asked["request_id"].tolist()
    assert tables.samples["attempts"].sum() == len(asked)
    twice = tables.samples[tables.samples["attempts"] == 2]
    assert (twice["completed"] == 1).all()  # one dropped attempt, one completed at the other provider
    assert set(twice["provider"]) == {"provider-b"}


def test_canaries_share_ids_with_nobody(healthy: Reading) -> None:
    """A canary's id has the number of arrival 0 and is still not joined to it: the kind is part of the id."""
    tables = healthy.tables
    assert tables.attempts is not None
    canaries = tables.attempts[tables.attempts["kind"] == "canary"]
    assert len(canaries) > 0
    assert set(canaries["arrival_id"]) == {0}
    assert set(canaries["sample"]) == {-1}


@pytest.mark.parametrize(
    ("knobs", "ledger", "ids"),
    [
        ({}, True, True),
        ({"provider_streams": ("provider-a",)}, False, True),
        ({"evidence": "no-ledger", "provider_streams": ()}, False, False),
        ({"foreign_attempts": 200}, True, False),  # 200 of 3 700 arrivals carry no id: 5 %, at most 1 % may
        ({"foreign_attempts": 200, "foreign_at_s": -1.0}, True, True),  # a gateway that asks before anybody asks it
        ({"request_id": "none"}, True, False),
    ],
)
def test_what_the_ledger_can_tell(reading: Read, knobs: dict[str, object], ledger: bool, ids: bool) -> None:
    """A ledger that is not whole, or that ids do not reach, tells nothing about single requests."""
    tables = reading(**knobs).tables
    assert (tables.has_ledger, tables.ids_arrive) == (ledger, ids)


def test_killed_run_ends_where_its_rows_end(reading: Read) -> None:
    """Nobody recorded the end of a killed run; the last row says how far it came."""
    tables = reading(killed_at_s=6.7).tables
    assert 5.0e9 < tables.end_ns < 6.0e9
    assert tables.record.clock.load_end_ns is None


def test_start_without_a_clock(tmp_path: Path) -> None:
    """Without the record's clock the start comes from the events, and without those from the first row and the plan."""
    folder = make_run(tmp_path, **TINY)
    start_ns = read(folder).start_ns
    record = folder.load()
    record.clock.load_start_ns = None
    folder.save(record)
    assert read(folder).start_ns == start_ns
    (folder.path / "events.jsonl").unlink()
    assert read(folder).start_ns == start_ns


def test_run_that_never_began(tmp_path: Path) -> None:
    """A folder with nothing but its plan gives empty tables."""
    folder = make_run(tmp_path, **TINY)
    for path in (*folder.parts.iterdir(), folder.path / "events.jsonl"):
        path.unlink()
    tables = read(folder)
    assert len(tables.samples) == len(tables.load) == len(tables.baseline) == 0
    assert tables.attempts is None
    assert isinstance(tables.samples["label"].dtype, pd.CategoricalDtype)


def test_length(healthy: Reading) -> None:
    """A phase is as long as its effective window, the run as its phases without the warm-up, a transition has no length."""
    tables = healthy.tables
    # t0 = 4.503 s, t1 = 9.504 s: the fault lasts 5.001 s; the run without warm-up 17.5 - 0.5 = 17 s
    assert tables.length_s("fault") == pytest.approx(5.001)
    assert tables.length_s(None) == pytest.approx(17.0)
    assert tables.length_s("transition") is None
