"""Names of routes that are learnt on the way: on disk before their rows, bounded, and merged when a run is assembled."""

from __future__ import annotations

from pathlib import Path

from gatebench.run.learnt import MOST_NAMES, OTHERS, LearntRoutes, beside, learnt_routes


def test_names_are_there_for_the_rows_that_use_them(tmp_path: Path) -> None:
    """Known ones keep their codes; new ones follow, at once on disk; a name is learnt once."""
    stream = tmp_path / "samples-0.arrow"
    routes = LearntRoutes(beside(stream), ["chat", "models"])
    assert learnt_routes(stream) == []
    assert [routes.code(name) for name in ("models", "/a\nb", "chat", "é", "/a\nb")] == [1, 2, 0, 3, 2]
    assert learnt_routes(stream) == ["/a\nb", "é"]


def test_beyond_a_bound_further_names_share_one(tmp_path: Path) -> None:
    """A route is one byte of a row: a file that names each request anew costs names, not rows."""
    stream = tmp_path / "samples-0.arrow"
    routes = LearntRoutes(beside(stream), ["known"])
    codes = {routes.code(f"/{number}") for number in range(1000)}
    assert max(codes) == MOST_NAMES < 255
    assert learnt_routes(stream)[-1] == OTHERS
    assert routes.code("/1") == 2


def test_a_torn_line_names_no_row(tmp_path: Path) -> None:
    """A writer that was killed left what is before it."""
    stream = tmp_path / "samples-0.arrow"
    beside(stream).write_text('"/a"\n"/b')
    assert learnt_routes(stream) == ["/a"]
