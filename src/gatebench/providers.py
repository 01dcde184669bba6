"""What a scenario says of a simulated provider: how long it takes, what it limits, how many processes it is, what it keeps."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from gatebench.latency import AnyLatency, LatencyModel
from gatebench.resource import LEAST_BYTES, MOST_BYTES, collection_name


class LimitsModel(BaseModel):
    """Token buckets: so many requests a second or a minute, so many tokens a minute.

    A bucket holds what `burst_s` seconds bring, by default its window (a second or a minute), and is full at the
    start. Several processes behind one name have an equal share each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    requests_per_s: int | None = Field(default=None, ge=1, le=10_000_000)
    requests_per_minute: int | None = Field(default=None, ge=1, le=1_000_000_000)
    tokens_per_minute: int | None = Field(default=None, ge=1, le=1_000_000_000_000)
    burst_s: float | None = Field(default=None, gt=0, le=3600)

    @model_validator(mode="after")
    def _says_something(self) -> LimitsModel:
        if self.requests_per_s is not None and self.requests_per_minute is not None:
            raise ValueError("requests_per_s and requests_per_minute are one limit twice; keep one of them")
        if self.requests_per_s is None and self.requests_per_minute is None and self.tokens_per_minute is None:
            raise ValueError("limits without a limit; give requests_per_s, requests_per_minute or tokens_per_minute")
        return self


class CollectionModel(BaseModel):
    """A collection of REST resources `/rest/NAME/0`, `/rest/NAME/1` and so on, and what caches are told about them.

    Sizes are lognormal around `size_bytes` (`size_sigma` 0: all the same), the same in every run: they follow from
    `seed`, the collection and the resource. A share of them, `changed`, has a newer version than the one whose entity tag
    conditional clients hold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    resources: int = Field(default=100_000, ge=1, le=1_000_000_000)
    size_bytes: int = Field(default=2_048, ge=LEAST_BYTES, le=MOST_BYTES)
    size_sigma: float = Field(default=1.0, ge=0, le=3)
    seed: int = Field(default=0, ge=0, lt=2**63)
    max_age_s: int | None = Field(default=60, ge=0)
    s_maxage_s: int | None = Field(default=None, ge=0)
    stale_while_revalidate_s: int | None = Field(default=None, ge=0)
    stale_if_error_s: int | None = Field(default=None, ge=0)
    changed: float = Field(default=0.0, ge=0, le=1)
    cache_control: str | None = Field(default=None, pattern=r"^[\x20-\x7e]+$")

    def header(self) -> str:
        """Return the value of Cache-Control; `cache_control` replaces everything else."""
        if self.cache_control is not None:
            return self.cache_control
        ages = {
            "max-age": self.max_age_s,
            "s-maxage": self.s_maxage_s,
            "stale-while-revalidate": self.stale_while_revalidate_s,
            "stale-if-error": self.stale_if_error_s,
        }
        said = [f"{name}={age}" for name, age in ages.items() if age is not None]
        return ", ".join(["public", *said]) if said else "no-store"


CollectionName = Annotated[str, AfterValidator(collection_name)]


class ProviderModel(BaseModel):
    """One simulated provider. `processes` of them listen on its one port and keep one ledger together."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    latency: AnyLatency = LatencyModel()
    limits: LimitsModel | None = None
    processes: int = Field(default=1, ge=1, le=32)
    rest: dict[CollectionName, CollectionModel] = Field(default_factory=lambda: {"items": CollectionModel()})

    @model_validator(mode="after")
    def _shares_hold_something(self) -> ProviderModel:
        limits = self.limits
        for limit, window_s in (
            (
                (limits.requests_per_s, 1.0),
                (limits.requests_per_minute, 60.0),
                (limits.tokens_per_minute, 60.0),
            )
            if limits
            else ()
        ):
            if limit is not None and limit * ((limits and limits.burst_s) or window_s) / window_s < self.processes:
                raise ValueError(
                    f"a limit of {limit} leaves each of {self.processes} processes less than one at a time, so that "
                    "nothing would ever pass; raise it, lengthen burst_s, or use fewer processes"
                )
        return self


def _whole(value: Any) -> Any:
    """Return a latency model that stands alone as the provider that it describes."""
    if isinstance(value, ProviderModel):
        return value
    if isinstance(value, BaseModel) or (
        isinstance(value, dict) and value and not {*value} & {*ProviderModel.model_fields}
    ):
        return {"latency": value}
    return value


AnyProvider = Annotated[ProviderModel, BeforeValidator(_whole)]


def provider(**model: Any) -> ProviderModel:
    """A simulated provider: `latency`, `limits={"requests_per_s": 50, ...}`, `processes`, `rest={"items": {...}}`."""
    return cast(ProviderModel, model)
