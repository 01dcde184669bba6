"""How often a provider had seen a request, counted over all of its processes."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from gatebench.run.sightings import seen_anew

COLUMNS = ("provider", "arrival_id", "ordinal", "kind", "seen")


def table(*rows: tuple[Any, ...]) -> pa.Table:
    """Attempts in order of arrival, coded as an assembled table is."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    arrays = {name: pa.array(values) for name, values in zip(COLUMNS, columns, strict=True)}
    for name in ("provider", "kind"):
        arrays[name] = arrays[name].dictionary_encode()
    arrays["seen"] = arrays["seen"].cast(pa.uint16())
    return pa.table(arrays)


def test_processes_are_counted_together() -> None:
    """Three arrivals of one id at one name are its first, second and third, whichever process they met."""
    rows = [("a", 1, 0, "load", 1), ("a", 1, 0, "load", 1), ("a", 2, 0, "load", 1), ("a", 1, 0, "load", 2)]
    anew = seen_anew(table(*rows), ["a"])
    assert anew.column("seen").to_pylist() == [1, 2, 1, 3]
    assert anew.schema == table(*rows).schema


def test_what_differs_is_another_request() -> None:
    """Ordinal, kind and provider are part of what an id is; without one there is nothing to count."""
    rows = [
        ("a", 1, 0, "load", 1),
        ("a", 1, 1, "load", 1),
        ("a", 1, 0, "warmup", 1),
        ("b", 1, 0, "load", 1),
        ("b", 1, 0, "load", 1),
        ("a", 9, 0, None, 0),
        ("a", 9, 0, None, 0),
    ]
    assert seen_anew(table(*rows), ["a"]).column("seen").to_pylist() == [1, 1, 1, 1, 1, 0, 0]


def test_one_process_counted_for_itself() -> None:
    """Without a provider of several processes nothing changes."""
    attempts = table(("a", 1, 0, "load", 7))
    assert seen_anew(attempts, []) is attempts
