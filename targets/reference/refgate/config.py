"""The gateway's configuration: one JSON file, checked whole before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

Seconds = Annotated[float, Field(gt=0, le=3600)]


class ConfigError(Exception):
    """The file cannot be used; the message holds every problem, one a line."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProviderConfig(_Part):
    """One upstream; `url` has no path: clients' paths are appended to it."""

    name: str = Field(min_length=1)
    url: str = Field(pattern=r"^https?://[^/]+$")


class TimeoutConfig(_Part):
    """Seconds to connect, for an attempt, for all of them, between two pieces of a stream, for a client's body."""

    connect_s: Seconds
    attempt_s: Seconds
    total_s: Seconds
    idle_s: Seconds
    body_s: Seconds


class RetryConfig(_Part):
    """`retries` is the most further attempts of a request; the rest holds back those on a provider asked before."""

    retries: int = Field(ge=0, le=10)
    backoff_s: Seconds
    backoff_cap_s: Seconds
    budget_ratio: float = Field(ge=0, le=1)
    budget_reserve: float = Field(ge=0)


class BreakerConfig(_Part):
    """`failures` failures within `window_s` open a provider's breaker for `open_s`."""

    failures: int = Field(ge=1, le=10_000)
    window_s: Seconds
    open_s: Seconds


class DrainConfig(_Part):
    """After SIGTERM: how long connections are still taken, readiness red, and how long requests may then go on."""

    delay_s: float = Field(ge=0)
    timeout_s: Seconds


class Config(_Part):
    """Everything the gateway is told. Providers are asked in the order in which they stand here."""

    host: str
    port: int = Field(ge=0, le=65_535)
    providers: tuple[ProviderConfig, ...] = Field(min_length=1)
    timeouts: TimeoutConfig
    retry: RetryConfig
    breaker: BreakerConfig
    drain: DrainConfig
    max_body_bytes: int = Field(ge=1)

    @field_validator("providers")
    @classmethod
    def _names_differ(cls, providers: tuple[ProviderConfig, ...]) -> tuple[ProviderConfig, ...]:
        names = [provider.name for provider in providers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two providers are called {', '.join(twice)}; give each its own name")
        return providers


def load_config(path: Path) -> Config:
    """Return the configuration in `path`; ConfigError says everything that is wrong with it and where."""
    try:
        return Config.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"{path}: it cannot be read ({error.strerror}). Name a readable file with --config."
        ) from error
    except ValidationError as error:
        problems = [
            f"{path}: {'.'.join(str(part) for part in problem['loc']) or 'the file'}: {problem['msg']}. Correct it."
            for problem in error.errors()
        ]
        raise ConfigError("\n".join(problems)) from error
