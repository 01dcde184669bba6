"""Which chunks are lost: the share, the bursts, and the same ones for the same seed."""

from __future__ import annotations

import pytest

from tests.execution.toxiproxy.fakes import Bench


class TestPacketLoss:
    @staticmethod
    def fates(count: int = 20_000, **attributes: float) -> list[bool]:
        """Return, for each chunk, whether it was lost."""
        bench = Bench("packet_loss", **attributes)
        lost = []
        for _ in range(count):
            before = len(bench.out)
            bench.feed(b"x")
            lost.append(len(bench.out) == before)
        assert bench.done.chunks_dropped == bench.done.bytes_dropped == sum(lost)
        return lost

    @pytest.mark.parametrize(("rate", "correlation"), [(0.0, 0.0), (0.0, 0.9), (1.0, 0.0), (1.0, 0.9)])
    def test_none_or_all(self, rate: float, correlation: float) -> None:
        """At 0 nothing is lost, at 1 everything, whatever the correlation."""
        assert set(self.fates(100, loss_rate=rate, correlation=correlation)) == {rate == 1.0}

    def test_the_share_is_the_rate(self) -> None:
        """Of 20 000 chunks at 0.3, 6000 are lost, give or take 4 standard deviations of 64.8."""
        assert abs(sum(self.fates(loss_rate=0.3)) - 6000) < 260

    def test_correlation_makes_bursts_and_keeps_the_share(self) -> None:
        """At 0.3 and 0.75 a burst lasts 1 / (0.7 * 0.25) = 5.7 chunks; without correlation 1 / 0.7 = 1.4."""
        for correlation, burst in ((0.0, 1 / 0.7), (0.75, 1 / (0.7 * 0.25))):
            lost = self.fates(60_000, loss_rate=0.3, correlation=correlation)
            bursts = sum(now and not before for before, now in zip([False, *lost], lost, strict=False))
            assert sum(lost) / bursts == pytest.approx(burst, rel=0.1)
            assert sum(lost) / len(lost) == pytest.approx(0.3, abs=0.03)

    def test_full_correlation_keeps_the_first_fate(self) -> None:
        """At 1 every chunk shares the fate of the first."""
        assert len(set(self.fates(100, loss_rate=0.5, correlation=1.0))) == 1

    def test_a_change_moves_no_later_draw(self) -> None:
        """After the rate went to 0 and back, the same chunks are lost as without that."""
        plain = self.fates(300, loss_rate=0.3)
        bench = Bench("packet_loss", loss_rate=0.3)
        for place in range(300):
            if place in (100, 200):
                bench.change(loss_rate=0.0 if place == 100 else 0.3)
            bench.feed(bytes([place % 256]))
        kept = [chunk[0] for _, chunk in bench.out]
        expected = [place % 256 for place in range(300) if 100 <= place < 200 or not plain[place]]
        assert kept == expected
