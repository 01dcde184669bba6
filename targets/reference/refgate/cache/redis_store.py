"""Entries in Redis, where all replicas find them: each one string, set together with its time to live."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

from redis.asyncio import Redis

from .entry import Entry, Lifetime

_PREFIX = "refgate:cache:"


class RedisStore:
    """One key an entry. A single SET with PX writes content and expiry, so no reader meets one without the other."""

    def __init__(self, redis: Redis, clock: Callable[[], float]) -> None:
        self._redis = redis
        self._clock = clock

    async def get(self, key: str) -> Entry | None:
        """Return the entry; Redis itself forgets what is of no use."""
        text = await self._redis.get(_PREFIX + key)
        return decoded(text) if isinstance(text, bytes) else None

    async def put(self, key: str, entry: Entry) -> None:
        """Set the entry with what is left of its time."""
        left_ms = int(entry.left_s(self._clock()) * 1000)
        if left_ms > 0:
            await self._redis.set(_PREFIX + key, encoded(entry), px=left_ms)

    async def drop(self, key: str) -> None:
        """Delete the entry."""
        await self._redis.delete(_PREFIX + key)


def encoded(entry: Entry) -> bytes:
    """Return an entry as bytes: a line of JSON with everything but the body, then the body as it is."""
    head = {
        "status": entry.status,
        "headers": entry.headers,
        "made_at_s": entry.made_at_s,
        "lifetime": asdict(entry.lifetime),
    }
    return json.dumps(head).encode() + b"\n" + entry.body


def decoded(text: bytes) -> Entry:
    """Return the entry that `encoded` wrote; ValueError for anything else."""
    line, separator, body = text.partition(b"\n")
    try:
        if not separator:
            raise ValueError("this is no entry of ours: its first line has no end")
        head = json.loads(line)
        fields = tuple((str(name), str(value)) for name, value in head["headers"])
        lifetime = Lifetime(**{name: float(value) for name, value in head["lifetime"].items()})
        return Entry(int(head["status"]), fields, body, float(head["made_at_s"]), lifetime)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no entry of ours ({error})") from error
