"""Where limits are counted: memory forgets what is as good as new, Redis says the same as memory, atomically."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest
from redis.asyncio import Redis

from targets.reference.refgate.limits.algorithms import ALGORITHMS, Name
from targets.reference.refgate.limits.limit import Admission, Limit
from targets.reference.refgate.limits.memory import MemoryStore
from targets.reference.refgate.limits.redis import RedisStore
from targets.reference.refgate.limits.store import StoreFault
from targets.reference.refgate.redis_client import greet, open_redis
from tests.targets.calling import Clock
from tests.targets.redis_server import RedisServer, redis_server

S = 1_000_000
PATIENCE_S = 60.0  # where no timeout is looked for: a busy machine may take long over a crowd
PERIOD_NAMES: tuple[Name, ...] = ("token-bucket", "gcra", "sliding-log", "sliding-counter", "fixed-window")
LATER: set[asyncio.Task[None]] = set()


def do_later(work: Coroutine[Any, Any, None]) -> None:
    """Do it in the running loop."""
    LATER.add(asyncio.get_running_loop().create_task(work))


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A real redis-server for the whole file; each test uses clients of its own."""
    with redis_server() as running:
        yield running


def lasting(store: RedisStore, redis: Redis) -> RedisStore:
    """Return a store whose entries stay for ten minutes beyond their use: Redis forgets by its own clock, whatever a test's says."""
    text = store._script.script
    assert isinstance(text, str) and text.count(" + 1000))") == 1
    store._script = redis.register_script(text.replace(" + 1000))", " + 600000))"))
    return store


def test_memory_forgets_who_is_as_good_as_new() -> None:
    """Ten thousand tenants a minute, for ten minutes: those of the last period are left, give or take one sweep."""
    clock = Clock()
    store = MemoryStore("token-bucket", clock)
    limit = Limit(10, S, 10)

    async def ask() -> None:
        for number in range(100_000):
            clock.now_s += 0.006
            assert (await store.admit(f"tenant-{number}", limit, 1)).admitted

    asyncio.run(ask())
    assert len(store) <= 1024


def test_memory_keeps_clients_apart() -> None:
    """One client's flood leaves another's limit whole, and a tier's limit is another limit."""
    store = MemoryStore("gcra", Clock())

    async def ask() -> list[int]:
        whole = []
        for client, limit in (("a", Limit(5, S, 5)), ("b", Limit(5, S, 5)), ("a", Limit(7, S, 7))):
            whole.append(sum([(await store.admit(client, limit, 1)).admitted for _ in range(50)]))
        return whole

    assert asyncio.run(ask()) == [5, 5, 7]


class TestRedis:
    pytestmark = pytest.mark.e2e

    @pytest.mark.parametrize("name", PERIOD_NAMES)
    @pytest.mark.parametrize(
        "limit", [Limit(10, S, 20), Limit(3, S, 3), Limit(7, S // 3, 5), Limit(100_000, 60 * S, 500)]
    )
    def test_redis_says_what_memory_says(self, server: RedisServer, name: Name, limit: Limit) -> None:
        """The same arrivals, costs and corrections, the same words: admissions, waits, remaining units and resets."""
        draw = random.Random(f"{name}{limit}")
        clock = Clock(1_763_715_600.0)
        here = ALGORITHMS[name](limit)

        async def compare() -> None:
            async with open_redis(server.url) as redis:
                there = lasting(RedisStore(redis, name, later=do_later, timeout_s=PATIENCE_S, clock=clock), redis)
                for _ in range(400):
                    clock.now_s = round(clock.now_s + draw.choice((0, 0, 0.001, 0.07, 0.5)) * draw.random(), 6)
                    cost = draw.choice((1, 1, 1, 2, limit.rate // 2 + 1))
                    mine, its = here.admit(clock.now_s, cost), await there.admit("tenant-1", limit, cost)
                    assert (its.admitted, its.retry_after_s, its.remaining, its.reset_s) == (
                        mine.admitted, mine.retry_after_s, mine.remaining, mine.reset_s,
                    )  # fmt: skip
                    if mine.admitted and draw.random() < 0.3:
                        more = draw.choice((-cost, -1, 1, 3))
                        clock.now_s = round(clock.now_s + draw.random() * 0.3, 6)
                        here.settle(clock.now_s, mine.ticket, more)
                        await there.settle("tenant-1", limit, its.ticket, more)

        asyncio.run(compare())

    @pytest.mark.parametrize("name", PERIOD_NAMES)
    def test_concurrent_gateways_admit_together_what_one_would(self, server: RedisServer, name: Name) -> None:
        """Four gateways ask 50 times each at once: 20 pass, not 21; and what is counted expires by itself."""
        limit = Limit(20, 3600 * S, 20)

        async def flood() -> int:
            gateways = [open_redis(server.url) for _ in range(4)]
            stores = [RedisStore(redis, name, later=do_later, timeout_s=PATIENCE_S) for redis in gateways]
            said = await asyncio.gather(*(store.admit("flooding", limit, 1) for store in stores for _ in range(50)))
            names = [key async for key in gateways[0].scan_iter("*flooding*")]
            assert names
            for key in names:
                assert 0 < await gateways[0].pttl(key) <= 2 * 3600 * 1000 + 2000
            for redis in gateways:
                await redis.aclose()
            return sum(one.admitted for one in said)

        assert asyncio.run(flood()) == 20

    def test_a_crowd_waits_for_connections(self, server: RedisServer) -> None:
        """300 at once over the few connections of a gateway: each is told, and none is a fault of the store."""

        async def crowd() -> list[bool]:
            async with open_redis(server.url) as redis:
                await greet(redis)
                store = RedisStore(redis, "gcra", later=do_later, timeout_s=PATIENCE_S)
                asked = (store.admit("crowd", Limit(100, 3600 * S, 100), 1) for _ in range(300))
                return [said.admitted for said in await asyncio.gather(*asked)]

        assert sum(asyncio.run(crowd())) == 100

    def test_places_are_shared_and_given_back(self, server: RedisServer) -> None:
        """Two places for two gateways: one ends its request, the other may begin one."""
        limit = Limit(2, S, 2)

        async def share() -> None:
            async with open_redis(server.url) as redis:
                one, other = (RedisStore(redis, "concurrency", later=do_later, timeout_s=PATIENCE_S) for _ in range(2))
                first = await one.admit("shared", limit, 1)
                assert (await one.admit("shared", limit, 1)).admitted
                assert not (await other.admit("shared", limit, 1)).admitted
                await one.settle("shared", limit, first.ticket, 0)
                assert (await other.admit("shared", limit, 1)).admitted
                assert not (await other.admit("shared", limit, 1)).admitted

        asyncio.run(share())

    def test_a_client_that_leaves_while_it_asks_takes_no_place(self, server: RedisServer) -> None:
        """Whether or not Redis has heard of it: the place is given back."""
        limit = Limit(1, S, 1)

        async def leave() -> None:
            async with open_redis(server.url) as redis:
                store = RedisStore(redis, "concurrency", later=do_later, timeout_s=PATIENCE_S)
                for turns in range(1, 20):
                    asking = asyncio.create_task(store.admit("leaving", limit, 1))
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    asking.cancel()
                    [said] = await asyncio.gather(asking, return_exceptions=True)
                    if isinstance(
                        said, Admission
                    ):  # it had its answer, or the library did not hear that it was cancelled
                        await store.settle("leaving", limit, said.ticket, 0)
                    await asyncio.gather(*LATER)
                    LATER.clear()
                assert (await store.admit("leaving", limit, 1)).admitted

        asyncio.run(leave())

    def test_a_store_that_hangs_costs_the_timeout(self, server: RedisServer) -> None:
        """Frozen for a moment: StoreFault within the time set; thawed: it counts again."""

        async def ask() -> None:
            async with open_redis(server.url) as redis:
                store, patient = (
                    RedisStore(redis, "gcra", later=do_later, timeout_s=timeout_s) for timeout_s in (0.05, PATIENCE_S)
                )
                limit = Limit(5, 3600 * S, 5)
                assert (await patient.admit("hung", limit, 1)).remaining == 4
                server.pause()
                try:
                    started_s = asyncio.get_running_loop().time()
                    with pytest.raises(StoreFault, match="in time"):
                        await store.admit("hung", limit, 1)
                    assert 0.04 < asyncio.get_running_loop().time() - started_s < 10
                finally:
                    server.resume()
                assert (await patient.admit("hung", limit, 1)).remaining in (2, 3)

        asyncio.run(ask())

    def test_a_store_that_is_not_there_is_a_fault(self) -> None:
        """A closed port is told as what it is."""

        async def ask() -> None:
            async with open_redis("redis://127.0.0.1:1") as redis:
                with pytest.raises(StoreFault):
                    await RedisStore(redis, "gcra", later=do_later, timeout_s=PATIENCE_S).admit(
                        "nobody", Limit(5, S, 5), 1
                    )

        asyncio.run(ask())
