"""One API over several providers: facts that hold for one of them alone."""

from __future__ import annotations

from typing import Any

from gatebench.analysis.metrics.formats import shape_differences
from tests.analysis.conftest import Reading
from tests.analysis.handmade import STREAM, Played, scope_of

BILL = {"usage_in": 40, "usage_out": 24}


def both(of_a: dict[str, Any], of_b: dict[str, Any], *, count: int = 20, **attempt: Any) -> list[Played]:
    """Return so many answers of each provider."""
    return [
        *(Played(of_a, ({"provider": "provider-a"} | attempt,)) for _ in range(count)),
        *(Played(of_b, ({"provider": "provider-b"} | attempt,)) for _ in range(count)),
    ]


def test_answers_of_one_shape(healthy: Reading) -> None:
    """Both providers' answers bill what they made: no difference."""
    found = shape_differences(scope_of(healthy.tables, both(BILL, BILL)))
    assert (found.value, found.n) == (0.0, 40)


def test_a_provider_whose_tokens_are_not_billed(healthy: Reading) -> None:
    """Without completion tokens they are also not billed as made: two differences, in words."""
    found = shape_differences(scope_of(healthy.tables, both(BILL, {"usage_in": 40})))
    assert found.value == 2.0
    assert found.why.startswith(
        "on chat: completion tokens billed in 100% of the answers of provider-a, in 0% of those of provider-b; "
    )


def test_a_stream_without_content(healthy: Reading) -> None:
    """Tokens flow here and never come there; one event for all of them is no other shape."""
    flowing = {"tokens": 24, "first_token_ns": 10**15, "terminal": 1}
    scope = scope_of(healthy.tables, both(flowing, flowing | {"tokens": 0, "first_token_ns": -1}), route=STREAM)
    assert shape_differences(scope).value == 1.0
    merged = both(flowing, flowing | {"tokens": 1})
    assert shape_differences(scope_of(healthy.tables, merged, route=STREAM)).value == 0.0


def test_errors_that_look_different(healthy: Reading) -> None:
    """A provider's 400 stays a 400 here and becomes a 502 there; after a second attempt nobody can tell."""
    refused = {"outcome": "error", "cause": "status"}
    said: dict[str, Any] = {"end": "error", "status": 400}
    good = both(BILL, BILL)
    apart = both({**refused, "status": 400}, {**refused, "status": 502}, **said)
    found = shape_differences(scope_of(healthy.tables, [*good, *apart]))
    assert found.value == 1.0
    assert found.why == "a 400 of provider-a became 400, of provider-b became 502"
    alike = both({**refused, "status": 400}, {**refused, "status": 400}, **said)
    assert shape_differences(scope_of(healthy.tables, [*good, *alike])).value == 0.0


def test_one_provider_has_nothing_to_differ_from(healthy: Reading) -> None:
    """Nineteen answers of the second are too few."""
    played = [*both(BILL, {}, count=19), Played(BILL)]
    found = shape_differences(scope_of(healthy.tables, played))
    assert (found.status, found.why) == ("unknown", "fewer than two providers made 20 answers here")
