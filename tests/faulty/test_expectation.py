"""What is enough: nineteen reds of twenty, no alarm at all of the correct gateway, and nothing that was not played."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.faulty.page import counts
from tests.faulty.table import Gateway, expectation

SPOILT = Gateway(name="spoilt", family="flow", about="?", fails=("p/own",), also=("p/beside*",))


@pytest.mark.parametrize(
    ("gateway", "check", "verdicts", "expected"),
    [
        (None, "p/own", {"pass": 300}, ("pass", True)),
        (None, "p/own", {"pass": 299, "unknown": 1}, ("pass", False)),
        (None, "p/own", {"pass": 200, "n/a": 100}, ("pass", True)),
        (None, "p/*", {"lost": 3}, ("played", False)),
        (SPOILT, "p/own", {"fail": 19, "pass": 1}, ("fail", True)),
        (SPOILT, "p/own", {"fail": 18, "unknown": 2}, ("fail", False)),
        (SPOILT, "p/beside/phase", {"fail": 20}, ("any", True)),
        (SPOILT, "p/other", {"pass": 19, "fail": 1}, ("pass", True)),
        (SPOILT, "p/other", {"pass": 18, "fail": 2}, ("pass", False)),
        (SPOILT, "p/*", {"lost": 1}, ("played", False)),
    ],
)
def test_enough(gateway: Gateway | None, check: str, verdicts: Mapping[str, int], expected: tuple[str, bool]) -> None:
    """A count is what it has to be, often enough."""
    assert expectation(gateway, check, verdicts) == expected


def test_parts_are_added_up_before_they_are_judged() -> None:
    """Two parts of which each is short are enough together; the verdict stored beside a count is not believed."""
    parts = [
        {"counts": [{"gateway": "correct", "check": "p/own", "verdicts": verdicts, "enough": True, "expected": "any", "why": why}]}
        for verdicts, why in (({"pass": 150}, ""), ({"pass": 149, "unknown": 1}, "seed 9: too few"))
    ]  # fmt: skip
    [found] = counts(parts)
    assert found["verdicts"] == {"pass": 299, "unknown": 1}
    assert (found["expected"], found["enough"], found["why"]) == ("pass", False, "seed 9: too few")
