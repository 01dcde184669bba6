"""Traffic is a pure function of seed and arrival."""

import json
from collections import Counter
from typing import Any, cast

import pytest
from pydantic import ValidationError

from gatebench.stamp import fingerprint
from gatebench.traffic import Generator, Traffic, chat, mix, models


def made(raw: Traffic) -> Traffic:
    """Validate what a scenario file would write."""
    return Traffic.model_validate(cast("Any", raw))


def test_the_same_seed_makes_the_same_bytes() -> None:
    """Two generators agree on every request; another seed does not."""
    traffic = made(mix(chat(tenants=5), chat(stream=True), models()))
    first, second, other = Generator(traffic, 9), Generator(traffic, 9), Generator(traffic, 10)
    assert [first.request(n) for n in range(50)] == [second.request(n) for n in range(50)]
    assert [first.request(n) for n in range(50)] != [other.request(n) for n in range(50)]


def test_order_does_not_matter() -> None:
    """Request 7 is the same whether 0 to 6 were made before or not."""
    traffic = made(chat(tenants=3))
    warm = Generator(traffic, 1)
    for number in range(7):
        warm.request(number)
    assert warm.request(7) == Generator(traffic, 1).request(7)


def test_a_chat_carries_what_its_route_says() -> None:
    """Words, tokens, stream flag and fingerprint are those of the body."""
    request = Generator(made(chat(stream=True, prompt_words=12, max_tokens=5)), 1).request(3)
    body = json.loads(request.body)
    prompt = body["messages"][0]["content"]
    assert len(prompt.split()) == 13  # twelve words and the arrival's mark, so that no two prompts are equal
    assert (body["stream"], body["max_tokens"], request.stream) == (True, 5, True)
    assert request.fingerprint == fingerprint(prompt)


def test_no_two_prompts_are_equal() -> None:
    """A one-word prompt still differs from arrival to arrival."""
    generator = Generator(made(chat(prompt_words=1)), 1)
    assert len({generator.request(number).fingerprint for number in range(2000)}) == 2000


def test_the_mix_follows_its_weights() -> None:
    """Weights 6:3:1 over 4000 draws lie within five standard deviations, fixed seed."""
    generator = Generator(made(mix(chat(weight=6), chat(stream=True, weight=3), models(weight=1))), 2)
    counts = Counter(generator.request(number).route for number in range(4000))
    for route, share in enumerate((0.6, 0.3, 0.1)):
        assert abs(counts[route] - 4000 * share) < 5 * (4000 * share * (1 - share)) ** 0.5


@pytest.mark.parametrize(
    ("weighing", "shares"),
    [
        ({}, (1 / 3, 1 / 3, 1 / 3)),
        ({"tenant_weights": (8, 1, 1)}, (0.8, 0.1, 0.1)),
        ({"tenant_skew": 1.0}, (6 / 11, 3 / 11, 2 / 11)),  # 1, 1/2 and 1/3 of 11/6
    ],
)
def test_tenants_follow_their_weights(weighing: dict[str, Any], shares: tuple[float, ...]) -> None:
    """Shares over 4000 draws lie within five standard deviations, fixed seed."""
    generator = Generator(made(chat(tenants=3, **weighing)), 5)
    counts = Counter(generator.request(number).tenant for number in range(4000))
    for tenant, share in enumerate(shares):
        assert abs(counts[tenant] - 4000 * share) < 5 * (4000 * share * (1 - share)) ** 0.5


def test_tenant_weights_that_do_not_fit_are_refused() -> None:
    """As many weights as tenants, all above zero, and not both ways of saying it."""
    for wrong, why in (
        ({"tenant_weights": (1, 2)}, "3 tenants have 2 weights"),
        ({"tenant_weights": (1, 2, 0)}, "greater than 0"),
        ({"tenant_weights": (1, 2, 3), "tenant_skew": 1}, "exclude each other"),
    ):
        with pytest.raises(ValidationError, match=why):
            made(chat(tenants=3, **wrong))


def test_a_trace_may_say_whom_and_how_much() -> None:
    """Route, tenant and size of an arrival are taken where they are said; the rest stays drawn."""
    generator = Generator(made(mix(chat(tenants=3), models())), 5)
    request = generator.request(9, route=0, tenant=2, size=700)
    assert (request.route, request.tenant, len(request.body)) == (0, 2, 700)
    assert generator.request(9, route=1).method == "GET"
    assert request.fingerprint == fingerprint(json.loads(request.body)["messages"][0]["content"])


def test_two_routes_of_one_name_are_refused() -> None:
    """Results by route would mix them up."""
    with pytest.raises(ValidationError, match="two routes are called chat; give each its own name"):
        made(mix(chat(), chat()))
