"""A fault that hits a share of the connections: how many are asked, and which numbers of hits prove it."""

from __future__ import annotations

from math import comb
from random import Random
from statistics import median

import pytest

from gatebench.execution.chaos.chance import connections, interval, plausible, steadying
from gatebench.execution.chaos.provable import provable, share
from gatebench.faults import Value
from tests.execution.chaos.planned_fault import planned, shipped, shipped_provider_faults, toxic


@pytest.mark.parametrize(
    ("share_", "least", "n"),
    [
        (1.0, 3, 3),
        (0.9, 2, 4),  # 0.1^4 = 0.0001, 0.1^3 = 0.001
        (0.8, 3, 35),  # 0.8^35 = 0.00041, 0.8^34 = 0.00051
        (0.5, 3, 11),  # 0.5^11 = 0.00049, 0.5^10 = 0.00098
        (0.05, 3, 149),  # 0.95^149 = 0.00048, 0.95^148 = 0.00050
        (0.99, 5, 5),
    ],
)
def test_as_many_as_show_it(share_: float, least: int, n: int) -> None:
    """The smallest number of which one is hit, and up to four fifths one is spared, with probability 0.9995."""
    assert connections(share_, least) == n


@pytest.mark.parametrize("share_", [0.05, 0.1, 0.3, 0.5, 0.9, 0.99])
def test_the_interval_is_exact(share_: float) -> None:
    """What lies beyond either end has at most half a thousandth, and one step further in it has more."""
    n = connections(share_, 3)
    least, most = interval(n, share_)

    def chance(first: int, last: int) -> float:
        return sum(comb(n, k) * share_**k * (1 - share_) ** (n - k) for k in range(first, last + 1))

    assert chance(0, least - 1) <= 0.0005 < chance(0, least)
    assert chance(most + 1, n) <= 0.0005 < chance(most, n)


def test_none_and_too_many_prove_nothing() -> None:
    """Of 11 connections at one half 1 to 10 may be hit; of 149 at one in twenty 1 to 17, around the 7 that are expected."""
    assert interval(11, 0.5) == (1, 10)
    assert [plausible(hits, 11, 0.5) for hits in (0, 1, 5, 10, 11)] == [False, True, True, True, False]
    assert [plausible(hits, 149, 0.05) for hits in (0, 1, 7, 30, 149)] == [False, True, True, False, False]
    assert [plausible(hits, 4, 0.9) for hits in (0, 2, 4)] == [False, True, True]
    assert [plausible(hits, 3, 1.0) for hits in (0, 2, 3)] == [False, False, True]


def test_the_share_of_a_fault() -> None:
    """A toxicity, a loss, or one of the other; a provider's fault has its canaries all to itself."""
    assert share(toxic("reset"), {"toxicity": 0.3}) == 0.3
    assert share(toxic("loss", loss_rate=0.2), {"loss_rate": 0.2, "toxicity": 0.5}) == pytest.approx(0.1)
    assert share(shipped("provider-errors"), planned("provider-errors", probability=0.1).parameters) == 1.0
    assert share(shipped("link-down"), {}) == 1.0


@pytest.mark.parametrize("toxicity", [0.0, 0.01, 0.049])
def test_a_share_that_canaries_cannot_see_is_refused(toxicity: float) -> None:
    """With the reason, the number and the cure."""
    why = provable(toxic("reset"), {"toxicity": toxicity})
    assert why is not None
    assert f"hits {toxicity:.3g} of the connections" in why
    assert "0.05 or more" in why
    assert provable(toxic("reset"), {"toxicity": 0.05}) is None
    assert provable(toxic("loss", loss_rate=0.1), {"loss_rate": 0.1, "toxicity": 0.4}) is not None


@pytest.mark.parametrize("name", shipped_provider_faults())
def test_every_shipped_fault_of_a_provider_is_provable(name: str) -> None:
    """With its defaults."""
    assert provable(shipped(name), planned(name).parameters) is None


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("provider-errors", {"route": "/v2"}, "begins with the route"),
        ("provider-errors", {"status": 304}, '"status"'),
        ("provider-outage", {"status": 200}, "200 is no outage"),
        ("wrong-usage", {"factor": 1.0}, "is the truth"),
        ("wrong-usage", {"route": "/rest/"}, "No tokens are counted"),
        ("wrong-content-type", {"content_type": "nonsense"}, '"content_type"'),
        ("tokens-exhausted", {"route": "/v1/models"}, "No tokens are counted"),
        ("stream-unterminated", {"route": "/v1/embeddings"}, "Nothing is streamed"),
        ("slow-first-token", {"route": "/v1/models"}, "takes no time"),
    ],
)
def test_what_no_canary_could_prove_is_refused(name: str, parameters: dict[str, Value], words: str) -> None:
    """Before anything is started, in a sentence."""
    why = provable(shipped(name), planned(name, **parameters).parameters)
    assert why is not None
    assert words in why


@pytest.mark.parametrize("route", ["/v1/chat", "/v1/messages"])
@pytest.mark.parametrize("name", shipped_provider_faults())
def test_every_fault_is_about_any_model(name: str, route: str) -> None:
    """Both APIs that speak can have each of them."""
    assert provable(shipped(name), planned(name, route=route).parameters) is None


@pytest.mark.parametrize(("spread", "wanted"), [(0.0, 5), (0.3, 5), (0.5, 7), (1.0, 25)])
def test_a_spread_delay_asks_for_more_canaries(spread: float, wanted: int) -> None:
    """Twenty-five times the square of the spread: 25 × 0.5² = 6.25; five are sent in any case."""
    assert steadying(spread, 5) == wanted


def test_the_median_of_so_many_is_steady() -> None:
    """Of a thousand seeded proofs of a delay of 1 ± 1, six of seven lie within a fifth."""
    random = Random(7)
    draws = [[random.uniform(0, 2) for _ in range(2 * steadying(1.0, 5))] for _ in range(1000)]
    assert sum(0.8 <= median(delays) <= 1.2 for delays in draws) >= 820
