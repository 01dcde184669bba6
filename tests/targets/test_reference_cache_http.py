"""The reference gateway as a shared HTTP cache: RFC 9111, with RFC 5861 for stale answers and RFC 9110 for conditions."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from multidict import CIMultiDict

from targets.reference.refgate.answer import Answer, Whole
from targets.reference.refgate.call import Call
from targets.reference.refgate.stage import Stage
from tests.targets.caching import SlowLast, cached, down, run, said, say, settle
from tests.targets.calling import Clock, Last, make_call

ITEM = "/rest/items/1"
TAG = '"v0"'


def get(tenant: str = "tenant-1", path: str = ITEM, method: str = "GET", **headers: str) -> Call:
    """Return a request for a resource."""
    call = make_call(tenant, method=method, path=path)
    call.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return call


class Origin(Last):
    """An origin that numbers its answers, gives them `headers`, and confirms `TAG` with 304."""

    def __init__(self, **headers: str) -> None:
        super().__init__()
        self.fields = {name.replace("_", "-"): value for name, value in headers.items()}
        self.down = False
        self._numbers = itertools.count(1)

    async def __call__(self, call: Call) -> Answer:
        self.calls.append(call)
        number = b"%d" % next(self._numbers)
        if self.down:
            return down()
        fields = CIMultiDict(self.fields)
        if call.headers.get("If-None-Match") == TAG:
            return Whole(304, fields, b"")
        return Whole(200, fields, number)


def http(clock: Clock, **settings: Any) -> Stage:
    """Return the stage of an HTTP cache."""
    return cached(clock, kind="http", **settings)


def test_a_resource_is_fetched_once_and_then_confirmed() -> None:
    """Fresh for a minute, then the origin says with 304 that it still is, and it is fresh for another one."""

    async def test() -> None:
        clock, origin = Clock(), Origin(Cache_Control="max-age=60", ETag=TAG)
        stage = http(clock)
        assert said(await stage(get(), origin)) == ("1", "MISS")
        clock.now_s += 59
        assert said(await stage(get(), origin)) == ("1", "HIT")
        clock.now_s += 1
        assert said(await stage(get(), origin)) == ("1", "REVALIDATED")
        assert origin.calls[-1].headers["If-None-Match"] == TAG
        clock.now_s += 59
        answer = await stage(get(), origin)
        assert (said(answer), answer.headers["Age"]) == (("1", "HIT"), "59")
        assert len(origin.calls) == 2

    run(test)


def test_a_clients_condition_is_answered_from_the_cache() -> None:
    """The whole answer is fetched and kept though the client wanted to know only whether it changed."""

    async def test() -> None:
        stage, origin = http(Clock()), Origin(Cache_Control="max-age=60", ETag=TAG)
        for _ in range(2):
            answer = await stage(get(if_none_match=TAG), origin)
            assert (answer.status, answer.headers["ETag"]) == (304, TAG)
        assert said(await stage(get(), origin)) == ("1", "HIT")
        assert "If-None-Match" not in origin.calls[0].headers
        assert len(origin.calls) == 1

    run(test)


def test_what_is_not_to_be_kept_is_fetched_every_time() -> None:
    """Also by those who come at once: nobody gets what was for another."""

    async def test() -> None:
        stage, origin = http(Clock()), Origin(Cache_Control="private, max-age=60")
        both = await asyncio.gather(*(stage(get(), origin) for _ in range(4)))
        assert sorted(said(answer) for answer in both) == [("1", "MISS"), ("2", "MISS"), ("3", "MISS"), ("4", "MISS")]

    run(test)


def test_no_cache_is_asked_for_every_time_and_confirmed() -> None:
    """It is kept, but never served without asking."""
    origin = Origin(Cache_Control="no-cache", ETag=TAG)
    assert say(http(Clock()), origin, [get(), get(), get()]) == [("1", "MISS"), *[("1", "REVALIDATED")] * 2]


def test_variants_are_kept_apart() -> None:
    """One URL in two languages is two answers; fields that do not matter do not split them further."""
    origin = Origin(Cache_Control="max-age=60", Vary="Accept-Language")
    calls = [
        get(accept_language="de"),
        get(accept_language="en"),
        get(accept_language="de", accept="a/b"),
        get(accept_language="en"),
    ]
    assert say(http(Clock()), origin, calls) == [("1", "MISS"), ("2", "MISS"), ("1", "HIT"), ("2", "HIT")]


def test_variants_that_are_wanted_at_once_are_not_mixed_up() -> None:
    """Nobody knew that it varies: each has its own all the same, and those who want the same share it."""

    async def test() -> None:
        stage = http(Clock())
        last = SlowLast(lambda: Whole(200, CIMultiDict({"Cache-Control": "max-age=9", "Vary": "X-A"}), b""))

        async def echo(call: Call) -> Answer:
            await last(call)
            fields = CIMultiDict({"Cache-Control": "max-age=9", "Vary": "X-A"})
            return Whole(200, fields, call.headers["X-A"].encode())

        wanted = ["1", "2", "1", "2", "3"]
        waiting = [asyncio.ensure_future(stage(get(x_a=value), echo)) for value in wanted]
        await settle()
        last.go.set()
        answers = await asyncio.gather(*waiting)
        assert [said(answer)[0] for answer in answers] == wanted
        assert len(last.calls) == 3

    run(test)


def test_a_write_makes_the_next_read_ask() -> None:
    """PUT and DELETE that worked, and their failures, which change nothing."""
    origin = Origin(Cache_Control="max-age=60")
    stage = http(Clock())
    calls = [get(), get(), get(method="PUT"), get(), get(), get(method="DELETE"), get()]
    answers = [answer for answer, _ in say(stage, origin, calls)]
    assert answers == ["1", "1", "2", "3", "3", "4", "5"]
    origin.down = True
    say(stage, origin, [get(method="PUT")])
    assert say(stage, origin, [get()]) == [("5", "HIT")]


def test_a_write_outdates_every_variant() -> None:
    """Variants that were kept before the write do not come back after it."""
    origin = Origin(Cache_Control="max-age=60", Vary="Accept")
    calls = [get(accept="a"), get(accept="b"), get(method="PUT", accept="a"), get(accept="a"), get(accept="b")]
    assert [claim for _, claim in say(http(Clock()), origin, calls)] == ["MISS", "MISS", "", "MISS", "MISS"]


@pytest.mark.parametrize(("wish", "claim"), [("no-cache", "MISS"), ("max-age=5", "MISS"), ("no-store", "")])
def test_a_client_may_want_the_origin_to_be_asked(wish: str, claim: str) -> None:
    """A fresh entry of ten seconds is not good enough for it."""

    async def test() -> None:
        clock, origin = Clock(), Origin(Cache_Control="max-age=60")
        stage = http(clock)
        await stage(get(), origin)
        clock.now_s += 10
        assert said(await stage(get(cache_control=wish), origin)) == ("2", claim)
        assert said(await stage(get(cache_control="max-age=60"), origin))[1] == "HIT"

    run(test)


def test_only_if_cached_asks_nobody() -> None:
    """504 while nothing is kept, then what is."""
    origin = Origin(Cache_Control="max-age=60")
    calls = [get(cache_control="only-if-cached"), get(), get(cache_control="only-if-cached")]
    assert say(http(Clock()), origin, calls) == [("504", ""), ("1", "MISS"), ("1", "HIT")]
    assert len(origin.calls) == 1


def test_head_is_answered_from_what_is_kept() -> None:
    """With the length of the body that is not there; nothing kept, or a part wanted, is passed on."""

    async def test() -> None:
        stage, origin = http(Clock()), Origin(Cache_Control="max-age=60", ETag=TAG)
        await stage(get(method="HEAD"), origin)
        await stage(get(), origin)
        answer = await stage(get(method="HEAD"), origin)
        assert isinstance(answer, Whole)
        assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "1")
        assert (await stage(get(method="HEAD", if_none_match=TAG), origin)).status == 304
        await stage(get(range="bytes=0-1"), origin)
        assert len(origin.calls) == 3

    run(test)


def test_stale_answers_as_the_origin_allows() -> None:
    """Two seconds while one is fetched, ten when none is to be had; then the error."""

    async def test() -> None:
        clock = Clock()
        origin = Origin(Cache_Control="max-age=5, stale-while-revalidate=2, stale-if-error=10")
        stage = http(clock)
        await stage(get(), origin)
        clock.now_s += 6
        assert said(await stage(get(), origin)) == ("1", "STALE")
        await settle()
        assert said(await stage(get(), origin)) == ("2", "HIT")
        origin.down = True
        clock.now_s += 14
        assert said(await stage(get(), origin)) == ("2", "STALE")
        clock.now_s += 1
        assert (await stage(get(), origin)).status == 502

    run(test)


def test_age_of_other_caches_counts() -> None:
    """What is 50 of 60 seconds old already is good for ten more."""

    async def test() -> None:
        clock, origin = Clock(), Origin(Cache_Control="max-age=60", Age="50")
        stage = http(clock)
        await stage(get(), origin)
        clock.now_s += 9
        assert (await stage(get(), origin)).headers["Age"] == "59"
        clock.now_s += 1
        assert said(await stage(get(), origin)) == ("2", "MISS")

    run(test)


def test_prompts_are_not_its_business() -> None:
    """A POST passes without a word of a cache."""
    origin = Origin(Cache_Control="max-age=60")
    assert say(http(Clock()), origin, [make_call("t"), make_call("t")]) == [("1", ""), ("2", "")]
