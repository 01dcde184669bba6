"""What is sent: a declarative, seeded generator of requests. Pure: the same seed and arrival give the same bytes."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import Any, Literal, cast

import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator

from gatebench.stamp import fingerprint

_VOCABULARY = """
amber anchor apple arrow autumn basin beacon birch border bridge bronze canyon carbon cedar circle cliff cloud
cobalt copper coral cotton crane crater delta desert dune eagle earth ember engine fabric falcon feather field flame
forest fossil frost garden glacier granite gravel grove harbor hazel heron hollow horizon indigo iron island ivory
jade juniper kettle lagoon lantern laurel lemon linen lotus magnet maple marble meadow mesa mirror monsoon moss
mountain nectar nickel north oak oasis ocean olive onyx opal orbit orchid otter paper pebble pepper pine planet
plaza pollen prairie quartz quiver rain raven reef ridge river robin rocket rose saffron sand satin shadow signal
silver sky slate solar spark spruce stone storm summit sunset teal temple thunder timber topaz torch tundra valley
velvet violet walnut water wave willow winter wolf zephyr
"""
_WORDS = _VOCABULARY.split()


@dataclass(frozen=True, slots=True)
class Request:
    """One request before it gets its id: what goes on the wire, and what it should come back with."""

    method: str
    path: str
    body: bytes
    route: int
    tenant: int
    stream: bool
    fingerprint: int


class Route(BaseModel):
    """One kind of request in the mix; `weight` is its share relative to the other routes."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["chat", "models"] = "chat"
    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9_.-]+$")
    weight: float = Field(default=1.0, gt=0)
    tenants: int = Field(default=1, ge=1, le=10_000)
    model: str = "gatebench-small"
    prompt_words: int = Field(default=40, ge=1, le=100_000)
    max_tokens: int = Field(default=24, ge=1, le=100_000)
    stream: bool = False


class Traffic(BaseModel):
    """A weighted mix of routes."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    routes: tuple[Route, ...] = Field(min_length=1, max_length=250)

    @model_validator(mode="after")
    def _names_differ(self) -> Traffic:
        names = [route.name for route in self.routes]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two routes are called {', '.join(twice)}; give each its own name")
        return self

    def route_names(self) -> tuple[str, ...]:
        """Return the names of the routes; a request's `route` is a position here."""
        return tuple(route.name for route in self.routes)

    def tenant_names(self) -> tuple[str, ...]:
        """Return the names of the tenants; a request's `tenant` is a position here."""
        return tuple(f"tenant-{number}" for number in range(max(route.tenants for route in self.routes)))


def _raw(routes: list[dict[str, Any]]) -> Traffic:
    """Return the raw description; `Scenario` validates it together with everything else."""
    return cast(Traffic, {"routes": routes})


def chat(*, stream: bool = False, name: str | None = None, **route: Any) -> Traffic:
    """OpenAI chat completions: `tenants`, `model`, `prompt_words`, `max_tokens`, `stream`, `weight`, `name`."""
    return _raw([{"kind": "chat", "stream": stream, "name": name or ("chat-stream" if stream else "chat"), **route}])


def models(*, name: str = "models", **route: Any) -> Traffic:
    """`GET /v1/models`: the cheapest request an OpenAI-compatible gateway forwards."""
    return _raw([{"kind": "models", "name": name, **route}])


def mix(*parts: Traffic) -> Traffic:
    """Several kinds of traffic at once, each by its `weight`."""
    return _raw([route for part in parts for route in cast("dict[str, Any]", part)["routes"]])


class Generator:
    """Makes the request of each arrival: a pure function of (seed, arrival id)."""

    def __init__(self, traffic: Traffic, seed: int) -> None:
        self._routes = traffic.routes
        self._weights = [route.weight for route in traffic.routes]
        self._key = seed.to_bytes(16, "big", signed=True)

    def request(self, arrival_id: int) -> Request:
        """Return the request of `arrival_id`."""
        digest = hashlib.blake2b(arrival_id.to_bytes(8, "big"), key=self._key, digest_size=8).digest()
        draw = random.Random(int.from_bytes(digest, "big"))
        index = 0
        if len(self._routes) > 1:
            index = draw.choices(range(len(self._routes)), self._weights)[0]
        route = self._routes[index]
        tenant = draw.randrange(route.tenants)
        if route.kind == "models":
            return Request("GET", "/v1/models", b"", index, tenant, False, 0)
        prompt = " ".join(draw.choices(_WORDS, k=route.prompt_words)) + f" #{arrival_id}"
        body: dict[str, Any] = {
            "model": route.model,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": route.max_tokens,
        }
        if route.stream:
            body["stream"] = True
        return Request(
            "POST", "/v1/chat/completions", orjson.dumps(body), index, tenant, route.stream, fingerprint(prompt)
        )
