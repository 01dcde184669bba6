"""The gateway's configuration: one JSON file, checked whole before anything starts."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError, field_validator, model_validator

from .settings.breaker import BreakerConfig
from .settings.cache import CacheConfig
from .settings.drain import DrainConfig
from .settings.fallback import FallbackConfig
from .settings.formats import Formats
from .settings.hedging import HedgingConfig
from .settings.idempotency import IdempotencyConfig
from .settings.keys import KeysConfig
from .settings.limiter import LimiterConfig
from .settings.log import LogConfig
from .settings.provider import ProviderConfig
from .settings.retry import RetryConfig
from .settings.routing import RoutingConfig
from .settings.section import Section
from .settings.shedding import SheddingConfig
from .settings.stream import StreamConfig
from .settings.timeouts import TimeoutConfig


class ConfigError(Exception):
    """The file cannot be used; the message holds every problem, one a line."""


class Config(Section):
    """Everything the gateway is told. Providers are asked in the order in which they stand here."""

    host: str
    port: int = Field(ge=0, le=65_535)
    providers: tuple[ProviderConfig, ...] = Field(min_length=1)
    timeouts: TimeoutConfig
    retry: RetryConfig
    breaker: BreakerConfig
    drain: DrainConfig
    max_body_bytes: int = Field(ge=1)
    store_url: str | None = Field(default=None, pattern=r"^redis://")
    keys: KeysConfig = KeysConfig()
    shedding: SheddingConfig = SheddingConfig()
    limiter: LimiterConfig = LimiterConfig()
    hedging: HedgingConfig = HedgingConfig()
    fallback: FallbackConfig = FallbackConfig()
    log: LogConfig = LogConfig()
    cache: CacheConfig = CacheConfig()
    idempotency: IdempotencyConfig = IdempotencyConfig()
    routing: RoutingConfig = RoutingConfig()
    stream: StreamConfig = StreamConfig()
    provider_formats: Formats = Field(default_factory=dict)

    @field_validator("providers")
    @classmethod
    def _names_differ(cls, providers: tuple[ProviderConfig, ...]) -> tuple[ProviderConfig, ...]:
        names = [provider.name for provider in providers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two providers are called {', '.join(twice)}; give each its own name")
        return providers

    @model_validator(mode="after")
    def _names_are_known(self) -> Config:
        names = [provider.name for provider in self.providers]
        unknown = sorted({*self.routing.weights, *self.provider_formats} - {*names})
        if unknown:
            raise ValueError(f"there is no provider {', '.join(unknown)} to weigh or to format; use {', '.join(names)}")
        return self

    @model_validator(mode="after")
    def _has_its_store(self) -> Config:
        wanting = {
            "limiter": self.limiter.algorithm != "off" and self.limiter.store != "memory",
            "cache": self.cache.is_on and self.cache.store != "memory",
        }
        for section in [name for name, wants in wanting.items() if wants and self.store_url is None]:
            raise ValueError(f"{section}.store is redis, but there is no store_url; add a [[store]] to the target")
        return self


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
