"""The reference gateway's cache in a real Redis: what is kept, how long, and that its troubles cost hits, never answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from targets.reference.refgate.cache.entry import Entry, Lifetime
from targets.reference.refgate.cache.redis_store import RedisStore
from targets.reference.refgate.metrics import Metrics
from targets.reference.refgate.settings.cache import CacheConfig
from targets.reference.refgate.shared import Shared
from targets.reference.refgate.stage import Stage
from targets.reference.refgate.stages.cache import cache
from tests.targets.caching import ask_for, numbered, said
from tests.targets.calling import Last
from tests.targets.redis_server import RedisServer, redis_server

pytestmark = pytest.mark.e2e
PATIENCE_S = 60.0  # where no timeout is looked for: a busy machine may take long
KEPT = Entry(200, (("A", "1"),), b"body", 0.0, Lifetime(30.1))


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A server."""
    with redis_server() as server:
        yield server


def replica(server: RedisServer, store: str = "redis", **settings: float) -> tuple[Stage, Shared]:
    """Return the cache of one gateway, and what it shares."""
    shared = Shared((), Metrics(), store_url=server.url)
    config = CacheConfig.model_validate({"kind": "exact", "store": store, "store_timeout_s": PATIENCE_S, **settings})
    stage = cache(config, shared)
    assert stage is not None
    return stage, shared


def test_an_entry_is_kept_as_long_as_it_is_of_use(server: RedisServer) -> None:
    """Redis forgets it by itself; what is of no use is not even written."""

    async def run() -> None:
        shared = Shared((), Metrics(), store_url=server.url)
        redis, store = shared.redis(), RedisStore(shared.redis(), lambda: 0.1)
        await store.put("k", KEPT)
        assert await store.get("k") == KEPT
        assert 20_000 < await redis.pttl("refgate:cache:k") <= 30_000
        await store.put("late", Entry(200, (), b"", -5.0, Lifetime(0.3)))
        assert await store.get("late") is None
        await store.drop("k")
        assert await store.get("k") is None
        await redis.set("refgate:cache:foreign", b"not ours")
        with pytest.raises(ValueError, match="no entry of ours"):
            await store.get("foreign")
        await shared.close()

    asyncio.run(run())


@pytest.mark.parametrize("store", ["redis", "tiered"])
def test_replicas_share_what_they_keep(server: RedisServer, store: str) -> None:
    """What one has asked for the other serves."""

    async def run() -> None:
        last = Last(numbered())
        (one, first), (two, second) = replica(server, store), replica(server, store)
        assert said(await one(ask_for(f"shared {store}"), last)) == ("1", "MISS")
        assert said(await two(ask_for(f"shared {store}"), last)) == ("1", "HIT")
        await first.close()
        await second.close()

    asyncio.run(run())


def test_a_store_that_hangs_costs_its_timeout_and_comes_back_whole(server: RedisServer) -> None:
    """Misses while it hangs, each within the timeout; afterwards every key has its own answer: no reply is mixed up."""

    async def run() -> None:
        last = Last(numbered())
        stage, shared = replica(server, store_timeout_s=0.05)
        prompts = [f"hang {number}" for number in range(10)]
        answers: dict[str, set[str]] = {prompt: set() for prompt in prompts}

        async def ask(prompt: str) -> str:
            answer, claim = said(await stage(ask_for(prompt), last))
            answers[prompt].add(answer)
            return claim

        for prompt in prompts:
            await ask(prompt)
        server.pause()
        try:
            started_s = time.monotonic()
            hanging = await asyncio.gather(*(ask(prompt) for prompt in prompts))
            took_s = time.monotonic() - started_s
        finally:
            server.resume()
        assert set(hanging) == {"MISS"}
        assert took_s < 5.0
        made = {prompt: set(own) for prompt, own in answers.items()}
        for prompt in prompts:
            for _ in range(200):  # the first calls after it may still be late
                if await ask(prompt) == "HIT":
                    break
                made[prompt] |= answers[prompt]
                await asyncio.sleep(0.01)
            else:
                pytest.fail("no hit came again")
            assert answers[prompt] == made[prompt], "a reply of Redis was mixed up with another's"
        await shared.close()

    asyncio.run(run())


def test_a_store_that_is_gone_costs_hits_alone() -> None:
    """Everybody is answered by the providers; with memory before Redis there are hits all the same."""

    async def run() -> None:
        last = Last(numbered())
        with redis_server() as server:
            redis_only, first = replica(server)
            tiered, second = replica(server, "tiered")
            await redis_only(ask_for("a"), last)
        assert said(await redis_only(ask_for("a"), last))[1] == "MISS"
        assert said(await tiered(ask_for("b"), last))[1] == "MISS"
        assert said(await tiered(ask_for("b"), last))[1] == "HIT"
        assert b'refgate_cache_total{result="store_fault"} ' in second.metrics.render()
        await first.close()
        await second.close()

    asyncio.run(run())
