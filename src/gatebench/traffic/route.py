"""What a scenario says about its traffic: routes with weights. Plain data; `generator` makes the requests."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from gatebench.resource import LEAST_BYTES, MOST_BYTES, collection_name


class Route(BaseModel):
    """One kind of request in the mix; `weight` is its share relative to the other routes."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["chat", "embeddings", "messages", "models", "rest"] = "chat"
    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9_.-]+$")
    weight: float = Field(default=1.0, gt=0)
    tenants: int = Field(default=1, ge=1, le=10_000)
    model: str = "gatebench-small"
    prompt_words: int = Field(default=40, ge=1, le=100_000)
    max_tokens: int = Field(default=24, ge=1, le=100_000)
    stream: bool = False
    batch: int = Field(default=1, ge=1, le=2_048)
    dimensions: int = Field(default=256, ge=1, le=4_096)
    encoding_format: Literal["float", "base64"] = "float"
    collection: Annotated[str, AfterValidator(collection_name)] = "items"
    resources: int = Field(default=1_000, ge=1, le=1_000_000)
    skew: float = Field(default=1.0, ge=0, le=10)
    size: int | None = Field(default=None, ge=LEAST_BYTES, le=MOST_BYTES)
    conditional: float = Field(default=0.0, ge=0, le=1)


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


def embeddings(*, words: int = 40, name: str = "embeddings", **route: Any) -> Traffic:
    """OpenAI embeddings of `batch` texts of so many `words`: `dimensions`, `encoding_format`, `tenants`, `weight`."""
    return _raw([{"kind": "embeddings", "name": name, "prompt_words": words, **route}])


def messages(*, stream: bool = False, name: str | None = None, **route: Any) -> Traffic:
    """Anthropic messages: `tenants`, `model`, `prompt_words`, `max_tokens`, `stream`, `weight`, `name`."""
    usual = "messages-stream" if stream else "messages"
    return _raw([{"kind": "messages", "stream": stream, "name": name or usual, **route}])


def rest(*, name: str = "rest", **route: Any) -> Traffic:
    """`GET /rest/COLLECTION/KEY`, keys by a Zipf law: `resources`, `skew`, `size` (bytes; the origin's own without it),
    `conditional` (share that sends If-None-Match), `collection`, `tenants`, `weight`.
    """
    return _raw([{"kind": "rest", "name": name, **route}])


def models(*, name: str = "models", **route: Any) -> Traffic:
    """`GET /v1/models`: the cheapest request an OpenAI-compatible gateway forwards."""
    return _raw([{"kind": "models", "name": name, **route}])


def mix(*parts: Traffic) -> Traffic:
    """Several kinds of traffic at once, each by its `weight`."""
    return _raw([route for part in parts for route in cast("dict[str, Any]", part)["routes"]])
