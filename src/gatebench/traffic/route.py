"""What a scenario says about its traffic: routes with weights. Plain data; `generator` makes the requests."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat, model_validator

from gatebench.resource import LEAST_BYTES, MOST_BYTES, collection_name
from gatebench.units import size_bytes


def _rate_of_bytes(text: str) -> str:
    if size_bytes(text.removesuffix("/s")) <= 0 or not text.endswith("/s"):
        raise ValueError(f'"{text}" is no rate of bytes; write for instance 64KB/s')
    return text


class Route(BaseModel):
    """One kind of request in the mix; `weight` is its share relative to the other routes.

    Tenants have equal shares, or `tenant_weights` (one each), or those of a Zipf law: the k-th tenant's share is
    proportional to 1 / k ** `tenant_skew`.

    Prompts differ from arrival to arrival, or come from a pool of `prompts` that all tenants share: the k-th most popular in
    proportion to 1 / k ** `skew`, and every `churn` arrivals one of them is replaced.

    `questions` draws from the shipped ones, which say what they mean, by the same law.

    With `copies`, so many consecutive arrivals are one group: the same tenant asks for the same, under one
    `idempotency-key` if they are to be keyed. In a `conflicting` share of the groups each asks for something else; in another
    share, `between_tenants`, every other copy is the next tenant's, who happens to use the same key for the same words.

    A route of the kind "task" is a task of the user's own code in `file`; planning makes one of each `task` there is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["chat", "embeddings", "messages", "models", "rest", "task"] = "chat"
    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9_.-]+$")
    weight: float = Field(default=1.0, gt=0)
    tenants: int = Field(default=1, ge=1, le=10_000)
    tenant_weights: tuple[PositiveFloat, ...] = ()
    tenant_skew: float = Field(default=0.0, ge=0, le=10)
    model: str = "gatebench-small"
    prompt_words: int = Field(default=40, ge=1, le=100_000)
    max_tokens: int = Field(default=24, ge=1, le=100_000)
    stream: bool = False
    read_rate: Annotated[str, AfterValidator(_rate_of_bytes)] | None = None
    file: str = ""
    task: str = ""
    batch: int = Field(default=1, ge=1, le=2_048)
    dimensions: int = Field(default=256, ge=1, le=4_096)
    encoding_format: Literal["float", "base64"] = "float"
    collection: Annotated[str, AfterValidator(collection_name)] = "items"
    resources: int = Field(default=1_000, ge=1, le=1_000_000)
    skew: float = Field(default=1.0, ge=0, le=10)
    size: int | None = Field(default=None, ge=LEAST_BYTES, le=MOST_BYTES)
    conditional: float = Field(default=0.0, ge=0, le=1)
    prompts: int | None = Field(default=None, ge=1, le=1_000_000)
    churn: int | None = Field(default=None, ge=1)
    copies: int = Field(default=1, ge=1, le=1_000)
    idempotency_key: bool = False
    conflicting: float = Field(default=0.0, ge=0, le=1)
    between_tenants: float = Field(default=0.0, ge=0, le=1)
    questions: bool = False
    usage: bool = False
    headers: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _tenants_add_up(self) -> Route:
        if self.tenant_weights and len(self.tenant_weights) != self.tenants:
            raise ValueError(
                f"{self.tenants} tenants have {len(self.tenant_weights)} weights; give one weight for each tenant"
            )
        if self.tenant_weights and self.tenant_skew:
            raise ValueError("tenant_weights and tenant_skew exclude each other; leave one of them out")
        problems = []
        if self.churn and not self.prompts:
            problems.append("churn replaces prompts of a pool, and there is none; give prompts=, or leave churn out")
        if (self.idempotency_key or self.conflicting) and self.copies == 1:
            problems.append("an idempotency key is for groups of arrivals; give copies=2 or more")
        if self.between_tenants and (self.tenants < 2 or not self.idempotency_key):
            problems.append(
                "between_tenants is for keys that two tenants use; give tenants=2 or more and idempotency_key=True"
            )
        if self.conflicting + self.between_tenants > 1:
            problems.append(
                "conflicting and between_tenants are shares of the same groups; let them add up to at most 1"
            )
        if (self.prompts or self.copies > 1) and self.kind not in ("chat", "messages"):
            problems.append(f"prompts and copies are for chat and messages, not for {self.kind}; leave them out")
        if self.questions and self.kind != "chat":
            problems.append(f"questions are for chat, not for {self.kind}; leave them out")
        if self.questions and self.prompts:
            problems.append("questions and prompts exclude each other; leave one of them out")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def read_bytes_per_s(self) -> int:
        """Return how fast the client reads answers at most; 0 is as fast as they come."""
        return size_bytes(self.read_rate.removesuffix("/s")) if self.read_rate else 0

    def header_lines(self) -> bytes:
        """Return the header fields of every request of this route, as they go on the wire."""
        return b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in self.headers.items())

    def shares_of_tenants(self) -> tuple[float, ...]:
        """Return the weight of each tenant; empty when all have the same."""
        if self.tenant_skew:
            return tuple(1 / (rank + 1) ** self.tenant_skew for rank in range(self.tenants))
        return self.tenant_weights


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

    def awaits_tasks(self) -> bool:
        """Tell whether routes name a file of user code whose tasks nobody has looked up yet."""
        return any(route.kind == "task" and not route.task for route in self.routes)

    def tenant_names(self, *, probed: bool = False) -> tuple[str, ...]:
        """Return the names of the tenants; a request's `tenant` is a position here. A reactive probe is one more, the last."""
        return tuple(f"tenant-{number}" for number in range(max(route.tenants for route in self.routes) + probed))


def _raw(routes: list[dict[str, Any]]) -> Traffic:
    """Return the raw description; `Scenario` validates it together with everything else."""
    return cast(Traffic, {"routes": routes})


def chat(*, stream: bool = False, name: str | None = None, **route: Any) -> Traffic:
    """OpenAI chat completions: `tenants`, `model`, `prompt_words`, `max_tokens`, `stream`, `weight`, `name`; of a pool of
    `prompts` (`skew`, `churn`) or the shipped `questions` (`skew`);
    in groups of `copies` (`idempotency_key`, `conflicting`, `between_tenants`); with `headers`, `usage` of streams.
    """
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


def user_code(file: str, *, name: str | None = None, **route: Any) -> Traffic:
    """Tasks of your own `GatewayUser` classes: `file` is their file, or `FILE.py:ClassName`; `tenants`, `weight`.

    The file is looked for beside the scenario, then in the workspace. A scenario never imports it: only a load process
    does. Each task becomes a route called `ClassName.task`; `weight` is shared among them.
    """
    stem = re.sub(r"[^A-Za-z0-9_.-]", "-", file.rpartition("/")[2]) or "tasks"
    return _raw([{"kind": "task", "file": file, "name": name or stem, **route}])


def mix(*parts: Traffic) -> Traffic:
    """Several kinds of traffic at once, each by its `weight`."""
    return _raw([route for part in parts for route in cast("dict[str, Any]", part)["routes"]])
