"""Requests that ask the same again: pools of prompts, and groups of copies."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from gatebench.traffic import Generator, Request, Traffic, chat, messages, rest
from gatebench.traffic.generator import OTHERS


def requests(raw: Any, count: int, seed: int = 5) -> list[Request]:
    """Return the first requests of a traffic."""
    generator = Generator(Traffic.model_validate(raw), seed)
    return [generator.request(number) for number in range(count)]


def test_a_pool_is_asked_by_a_zipf_law_whoever_asks() -> None:
    """Popularity falls with the rank, and every tenant asks the same prompts; the seed decides which."""
    asked = requests(chat(prompts=50, skew=1.0, tenants=3), 4000)
    counts = [count for _, count in Counter(request.fingerprint for request in asked).most_common()]
    harmonic = sum(1 / rank for rank in range(1, 51))
    assert len(counts) == 50
    assert counts[0] == pytest.approx(4000 / harmonic, rel=0.15)
    by_tenant: list[set[int]] = [{one.fingerprint for one in asked if one.tenant == tenant} for tenant in range(3)]
    assert len(set.intersection(*by_tenant)) > 40
    assert not {one.fingerprint for one in requests(chat(prompts=50), 200, seed=6)} & by_tenant[0]


def test_equal_prompts_are_equal_bodies() -> None:
    """A cache may know them by their bytes."""
    bodies: dict[int, set[bytes]] = {}
    for one in requests(messages(prompts=5), 100):
        bodies.setdefault(one.fingerprint, set()).add(one.body)
    assert len(bodies) == 5
    assert all(len(each) == 1 for each in bodies.values())


def test_churn_replaces_one_prompt_of_the_pool_at_a_time() -> None:
    """Every ten arrivals, in the order of their places."""
    asked = requests(chat(prompts=4, skew=0.0, churn=10), 400)
    alive = [{one.fingerprint for one in asked[start : start + 10]} for start in range(0, 400, 10)]
    assert len(set.union(*alive)) > 20
    assert all(len(each) <= 4 for each in alive)
    assert all(len(before | after) <= 5 for before, after in pairwise(alive))


def test_copies_ask_the_same_for_the_same_tenant_under_one_key() -> None:
    """The next group asks for something else."""
    asked = requests(chat(copies=3, idempotency_key=True, tenants=4), 300)
    groups = [asked[start : start + 3] for start in range(0, 300, 3)]
    assert all(len({(one.body, one.tenant, one.key) for one in group}) == 1 for group in groups)
    assert [group[0].key for group in groups] == list(range(100))
    assert len({group[0].body for group in groups}) == 100
    assert all(one.keyed for one in asked)
    assert not any(one.keyed for one in requests(chat(copies=2), 10))
    assert {one.key for one in requests(chat(), 10)} == {-1}


def test_conflicting_groups_ask_for_something_else_under_the_same_key() -> None:
    """The stated share of them; the tenant is the same."""
    asked = requests(chat(copies=2, idempotency_key=True, conflicting=0.25, tenants=3), 2000)
    pairs = list(zip(asked[::2], asked[1::2], strict=True))
    conflicts = [one.body != other.body for one, other in pairs]
    assert sum(conflicts) == pytest.approx(250, abs=50)
    assert all(one.tenant == other.tenant and one.key == other.key for one, other in pairs)


def test_keys_that_two_tenants_use() -> None:
    """Every other copy is the next tenant's: the same words under the same number, and another group."""
    asked = requests(chat(copies=4, idempotency_key=True, between_tenants=0.25, tenants=3), 4000)
    groups = [asked[start : start + 4] for start in range(0, 4000, 4)]
    between = [group for group in groups if len({one.tenant for one in group}) == 2]
    assert len(between) == pytest.approx(250, abs=50)
    for group in between:
        assert len({one.named for one in group}) == len({one.body for one in group}) == 1
        assert [one.tenant for one in group] == [group[0].tenant, (group[0].tenant + 1) % 3] * 2
        assert [one.key - group[0].key for one in group] == [0, OTHERS, 0, OTHERS]
    assert all(one.key == one.named for group in groups if group not in between for one in group)


def test_a_tenant_that_is_said_keeps_its_key() -> None:
    """A load that says who asks has every copy asked by one tenant: that is one group."""
    raw = chat(copies=2, idempotency_key=True, between_tenants=1.0, tenants=3)
    generator = Generator(Traffic.model_validate(raw), 1)
    pairs = [[generator.request(2 * group + place, tenant=1) for place in range(2)] for group in range(20)]
    assert all(len({one.key for one in pair}) == 1 for pair in pairs)


def test_headers_and_usage_of_a_route() -> None:
    """They are in every request of it."""
    (one,) = requests(chat(stream=True, usage=True, headers={"x-priority": "low"}), 1)
    assert one.headers == b"x-priority: low\r\n"
    assert b'"stream_options":{"include_usage":true}' in one.body


def test_what_makes_no_sense_is_said() -> None:
    """Each with its cure."""
    for raw, said in (
        (chat(churn=5), "there is none"),
        (chat(idempotency_key=True), "copies=2"),
        (chat(copies=2, idempotency_key=True, between_tenants=0.1), "tenants=2"),
        (chat(copies=2, tenants=2, idempotency_key=True, between_tenants=0.6, conflicting=0.6), "add up"),
        (rest(copies=2), "not for rest"),
    ):
        with pytest.raises(ValidationError, match=said):
            Traffic.model_validate(raw)
