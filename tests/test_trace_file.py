"""A recorded load is read exactly, or refused with every problem at once."""

from pathlib import Path

import pytest

from gatebench.schedule import Trace, read_trace, schedule_of
from gatebench.schedule.trace_file import TraceRows

ROUTES, TENANTS = ("chat", "models"), ("tenant-0", "tenant-1")


def read(tmp_path: Path, text: str) -> tuple[TraceRows | None, list[str]]:
    """Read a trace with that text; return its rows and its problems in words."""
    path = tmp_path / "trace.csv"
    path.write_text(text)
    rows, problems = read_trace(path, ROUTES, TENANTS)
    return rows, [str(problem) for problem in problems]


@pytest.mark.parametrize(
    "times",
    [
        ("0", "0.0015", "2"),
        ("1763723045.123456789", "1763723045.124956789", "1763723047.123456789"),  # a float would lose 100 ns here
        ("2026-11-20T12:00:00Z", "2026-11-20T12:00:00.0015Z", "2026-11-20T13:00:02+01:00"),
        ("2026-11-20 12:00:00", "2026-11-20 12:00:00.001500", "2026-11-20 12:00:02"),
    ],
)
def test_times_are_exact_from_the_first(tmp_path: Path, times: tuple[str, ...]) -> None:
    """Decimals and dates give the same nanoseconds; the first arrival is time zero."""
    rows, problems = read(tmp_path, "timestamp\n" + "\n".join(times))
    assert problems == []
    assert rows is not None
    assert rows.due_ns.tolist() == [0, 1_500_000, 2_000_000_000]
    assert set(rows.route.tolist()) == set(rows.tenant.tolist()) == set(rows.size.tolist()) == {-1}


def test_whom_and_how_much(tmp_path: Path) -> None:
    """Names become positions, empty cells stay drawn, columns stand in any order, blank lines do not count."""
    rows, problems = read(
        tmp_path, "size,tenant,timestamp,route\n500,tenant-1,0,models\n\n,,0.5,\n90,tenant-0,0.5,chat\n"
    )
    assert problems == []
    assert rows is not None
    assert rows.route.tolist() == [1, -1, 0]
    assert rows.tenant.tolist() == [1, -1, 0]
    assert rows.size.tolist() == [500, -1, 90]


def test_every_problem_at_once(tmp_path: Path) -> None:
    """Order, numbers, names and sizes are all named with their lines, and nothing is returned."""
    rows, problems = read(
        tmp_path,
        "timestamp,route,tenant,size\n0,chat,tenant-0,1\n2,,,\n1,,,\nsoon,,,\n3,chatt,,\n4,,tenant-9,\n5,,,-3\n6,,,1e9\n",
    )
    assert rows is None
    text = "\n".join(problems)
    for said in (
        'trace.csv:4: "1" is earlier than the line before it. Sort the file',
        'trace.csv:5: "soon" has a timestamp that is none',
        'trace.csv:6: "chatt" names a route that the scenario has not. Its routes are: chat, models.',
        'trace.csv:7: "tenant-9" names a tenant that the scenario has not',
        'trace.csv:8: "-3" has a size that is none',
        'trace.csv:9: "1e9" has a size that is none',
    ):
        assert said in text


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    """A file in descending order names its first lines and counts the others."""
    _, problems = read(tmp_path, "timestamp\n" + "\n".join(str(1000 - number) for number in range(1000)))
    assert len(problems) == 6
    assert "994 more lines" in problems[-1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no column timestamp"),
        ("timestamp\n", "holds no arrival"),
        ("time,route\n1,chat\n", "has no column timestamp"),
        ("timestamp,colour\n1,red\n", 'the column "colour" is not known'),
        ("timestamp,timestamp\n1,2\n", 'the column "timestamp" stands there twice'),
        ("timestamp\nnan\n", '"nan" has a timestamp that is none'),
    ],
)
def test_a_file_that_is_no_trace(tmp_path: Path, text: str, said: str) -> None:
    """What is wrong with the head or the whole is said."""
    rows, problems = read(tmp_path, text)
    assert rows is None
    assert said in problems[0]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """Neither a missing file nor one of bytes is a traceback."""
    rows, problems = read_trace(tmp_path / "none.csv", ROUTES, TENANTS)
    assert rows is None
    assert "cannot be read" in str(problems[0])
    (tmp_path / "bytes.csv").write_bytes(b"timestamp\n\xff\xfe")
    assert "is not CSV" in str(read_trace(tmp_path / "bytes.csv", ROUTES, TENANTS)[1][0])


def test_kept_rows_replay_within_the_run(tmp_path: Path) -> None:
    """What the run folder keeps is the schedule: cut at the end of the run, faster by its speed."""
    rows, _ = read(tmp_path, "timestamp,tenant\n0,tenant-1\n1,\n2,\n3,\n")
    assert rows is not None
    rows.write(tmp_path / "trace.npz")
    plain = schedule_of(Trace(file="x"), 2.5, 1, trace=tmp_path / "trace.npz")
    assert plain.due_ns.tolist() == [0, 1_000_000_000, 2_000_000_000]
    assert plain.tenant.tolist() == [1, -1, -1]
    fast = schedule_of(Trace(file="x", speed=2), 2.5, 1, trace=tmp_path / "trace.npz")
    assert fast.due_ns.tolist() == [0, 500_000_000, 1_000_000_000, 1_500_000_000]
