"""Every toxic counts what it does."""

from __future__ import annotations

import dataclasses

import pytest

from tests.execution.toxiproxy.fakes import Bench


class TestEffects:
    @pytest.mark.parametrize(
        ("type_name", "attributes", "expected"),
        [
            ("latency", {"latency": 5}, {"chunks_delayed": 2}),
            ("latency", {}, {}),
            ("bandwidth", {"rate": 1}, {"chunks_delayed": 2}),
            ("timeout", {"timeout": 5}, {"chunks_dropped": 2, "bytes_dropped": 7, "connections_closed": 1}),
            ("reset_peer", {}, {"connections_reset": 1}),
            ("limit_data", {"bytes": 3}, {"bytes_dropped": 1, "connections_closed": 1}),
            ("slicer", {"average_size": 3}, {"chunks_sliced": 1}),
            ("packet_loss", {"loss_rate": 1}, {"chunks_dropped": 2, "bytes_dropped": 7}),
            ("noop", {}, {}),
        ],
    )
    def test_what_was_done_is_counted(
        self, type_name: str, attributes: dict[str, float], expected: dict[str, int]
    ) -> None:
        """Four bytes, three bytes, a long silence; limit_data drops one of the first four and never sees the three."""
        bench = Bench(type_name, **attributes)
        bench.feed(b"four")
        if type_name != "limit_data":
            bench.feed(b"abc")
        bench.clock.advance(1000)
        counted = dataclasses.asdict(bench.done)
        assert {name: count for name, count in counted.items() if count} == expected
