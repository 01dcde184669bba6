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


def test_two_routes_of_one_name_are_refused() -> None:
    """Results by route would mix them up."""
    with pytest.raises(ValidationError, match="two routes are called chat; give each its own name"):
        made(mix(chat(), chat()))
