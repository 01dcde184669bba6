"""The parts of the reference gateway's cache: keys, entries, lifetimes and stores."""

from __future__ import annotations

import asyncio
import json

import pytest
from multidict import CIMultiDict

from targets.reference.refgate.answer import Whole
from targets.reference.refgate.cache.bounded import BoundedStore
from targets.reference.refgate.cache.entry import Entry, Lifetime, Standing
from targets.reference.refgate.cache.key import cache_key
from targets.reference.refgate.cache.lifetimes import Lifetimes
from targets.reference.refgate.cache.redis_store import decoded, encoded
from targets.reference.refgate.cache.store import MemoryStore
from targets.reference.refgate.cache.tiered import TieredStore
from tests.targets.calling import CHAT, Clock


def entry(body: bytes = b"body", *, made_at_s: float = 1000.0, lifetime: Lifetime | None = None) -> Entry:
    """Return an entry, fresh for ten seconds if not told otherwise."""
    answer = Whole(200, CIMultiDict({"Content-Type": "application/json"}), body)
    return Entry.of(answer, made_at_s, lifetime or Lifetime(10.0))


def key_of(**fields: object) -> str:
    """Return the key of a chat request of the fields."""
    return cache_key("POST", CHAT, json.dumps(fields).encode(), "tenant-1")


def test_the_same_question_has_the_same_key() -> None:
    """Spaces, the order of fields and who asks do not matter; everything else does."""
    key = key_of(model="m", messages=[{"role": "user", "content": "a  b"}])
    assert key_of(messages=[{"content": "a  b", "role": "user"}], model="m") == key
    assert key_of(model="m", messages=[{"role": "user", "content": "a  b"}], user="gb-1", metadata={"a": "b"}) == key
    spaced = json.dumps({"model": "m", "messages": [{"role": "user", "content": "a  b"}]}, indent=2).encode()
    assert cache_key("POST", CHAT, spaced, "tenant-1") == key
    for other in (
        key_of(model="m", messages=[{"role": "user", "content": "a b"}]),
        key_of(model="n", messages=[{"role": "user", "content": "a  b"}]),
        key_of(model="m", messages=[{"role": "user", "content": "a  b"}], temperature=0),
        cache_key("POST", CHAT, spaced, "tenant-2"),
        cache_key("POST", "/v1/messages", spaced, "tenant-1"),
        cache_key("PUT", CHAT, spaced, "tenant-1"),
        cache_key("POST", CHAT, b"not JSON", "tenant-1"),
    ):
        assert other != key


def test_parts_of_a_key_do_not_run_into_each_other() -> None:
    """A scope that ends as a path begins is not another scope with another path."""
    assert cache_key("GET", "/b", b"", "a") != cache_key("GET", "b", b"", "a/")


@pytest.mark.parametrize(
    ("age_s", "standing"),
    [
        (0.0, Standing.FRESH),
        (9.9, Standing.FRESH),
        (10.0, Standing.REVALIDATE),  # 10 fresh, then 5 to renew in
        (14.9, Standing.REVALIDATE),
        (15.0, Standing.ON_ERROR),  # then until 10 + 60
        (69.9, Standing.ON_ERROR),
        (70.0, Standing.DEAD),
    ],
)
def test_what_may_be_done_with_an_entry(age_s: float, standing: Standing) -> None:
    """Fresh, then stale while it is renewed, then stale on errors, then nothing."""
    kept = entry(lifetime=Lifetime(10.0, 5.0, 60.0))
    assert kept.standing(1000.0 + age_s) is standing
    assert (kept.left_s(1000.0 + age_s) > 0) is (standing is not Standing.DEAD)


def test_an_entry_of_a_clock_that_is_ahead_is_new() -> None:
    """Replicas' clocks differ; an age is never negative."""
    assert entry().answer(999.0, "HIT").headers["Age"] == "0"


def test_answers_from_entries_do_not_share_their_fields() -> None:
    """What one client's answer gets does not show up in the next one's."""
    kept = entry()
    kept.answer(1003.7, "HIT").headers["X-Private"] = "1"
    answer = kept.answer(1003.7, "HIT")
    assert dict(answer.headers) == {"Content-Type": "application/json", "Age": "3", "X-Cache": "HIT"}


@pytest.mark.parametrize(("draw", "fresh_s"), [(0.0, 10.0), (0.5, 9.0), (1.0, 8.0)])
def test_jitter_only_shortens(draw: float, fresh_s: float) -> None:
    """A fifth of jitter draws between 8 and 10 of 10 seconds: nothing outlives what was configured."""
    assert Lifetimes(Lifetime(10.0, 1.0, 2.0), 0.2, lambda: draw).next() == Lifetime(fresh_s, 1.0, 2.0)


def test_memory_lets_the_least_recently_used_go() -> None:
    """Of three in a store for two the one that nobody asked for is gone."""

    async def run() -> None:
        store = MemoryStore(2, Clock())
        await store.put("a", entry(b"a"))
        await store.put("b", entry(b"b"))
        await store.get("a")
        await store.put("c", entry(b"c"))
        assert [await store.get(key) is not None for key in "abc"] == [True, False, True]
        assert len(store) == 2

    asyncio.run(run())


def test_memory_forgets_what_is_of_no_use() -> None:
    """When its last second is over an entry is gone, and so is its place."""

    async def run() -> None:
        clock = Clock()
        store = MemoryStore(2, clock)
        await store.put("a", entry())
        clock.now_s += 9.9
        assert await store.get("a") is not None
        clock.now_s += 0.1
        assert await store.get("a") is None
        assert len(store) == 0

    asyncio.run(run())


def test_tiers_fill_the_near_from_the_far() -> None:
    """What another replica fetched is near from the second time on; both forget it together."""

    async def run() -> None:
        near, far = MemoryStore(9, Clock()), MemoryStore(9, Clock())
        tiers = TieredStore(near, far)
        await far.put("a", entry(b"a"))
        assert await near.get("a") is None
        assert await tiers.get("a") == await near.get("a") == entry(b"a")
        await tiers.put("b", entry(b"b"))
        assert len(near) == len(far) == 2
        await tiers.drop("b")
        assert len(near) == len(far) == 1

    asyncio.run(run())


class Faulty(MemoryStore):
    """A store that hangs or fails for as long as it is told to."""

    def __init__(self) -> None:
        super().__init__(9, Clock())
        self.hangs = False
        self.fails: Exception | None = None
        self.calls = 0

    async def get(self, key: str) -> Entry | None:
        await self._trouble()
        return await super().get(key)

    async def put(self, key: str, entry: Entry) -> None:
        await self._trouble()
        await super().put(key, entry)

    async def _trouble(self) -> None:
        self.calls += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails is not None:
            raise self.fails


@pytest.mark.parametrize("trouble", [None, ConnectionRefusedError("no"), ValueError("no entry"), EOFError()])
def test_a_store_in_trouble_is_a_miss(trouble: Exception | None) -> None:
    """It hangs or fails: nothing is found, nothing is raised, and it is not made to wait for a second time."""

    async def run() -> None:
        faults: list[int] = []
        store = Faulty()
        bounded = BoundedStore(store, 0.01, on_fault=lambda: faults.append(1))
        await bounded.put("a", entry())
        store.hangs, store.fails = trouble is None, trouble
        assert await bounded.get("a") is None
        await bounded.put("b", entry())
        assert (len(faults), store.calls) == (1, 2)
        store.hangs, store.fails = False, None
        assert await bounded.get("a") is not None
        await bounded.put("b", entry())
        assert await bounded.get("b") is not None

    asyncio.run(run())


def test_a_fault_of_ours_is_not_a_miss() -> None:
    """What is no trouble of a store is raised."""

    async def run() -> None:
        store = Faulty()
        store.fails = ZeroDivisionError()
        with pytest.raises(ZeroDivisionError):
            await BoundedStore(store, 1.0).get("a")

    asyncio.run(run())


def test_an_entry_comes_back_from_redis_as_it_was() -> None:
    """Whatever its body holds."""
    kept = Entry(200, (("A", "1"), ("A", "2")), b"line\nline\x00\xff", 1000.25, Lifetime(1.5, 2.0, 3.0, 4.0))
    assert decoded(encoded(kept)) == kept


@pytest.mark.parametrize("text", [b"", b"x", b"{}\n", b"[]\nx", b'{"status": 200}\n', b"no JSON\nbody"])
def test_what_is_no_entry_is_said_to_be_none(text: bytes) -> None:
    """Somebody else's value under our key is a ValueError, which a bounded store turns into a miss."""
    with pytest.raises(ValueError, match=r"no entry of ours|Expecting"):
        decoded(text)
