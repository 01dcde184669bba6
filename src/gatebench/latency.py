"""How long a simulated provider takes: the models that a scenario may choose from. Plain data; `upstream.latency` draws from it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


class _Model(BaseModel):
    """What all models have in common: `input_token_ms` is added to the time to first token for each token of the prompt."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    input_token_ms: float = Field(default=0.0, ge=0)


class LatencyModel(_Model):
    """A lognormal time to first token and a time for each token after it.

    `sigma` is the standard deviation of the logarithm; 0 makes every answer take exactly the median.
    """

    kind: Literal["lognormal"] = "lognormal"
    ttft_median_ms: float = Field(default=20.0, ge=0)
    ttft_sigma: float = Field(default=0.25, ge=0, le=3)
    token_ms: float = Field(default=1.0, ge=0)
    token_sigma: float = Field(default=0.25, ge=0, le=3)


class ConstantLatency(_Model):
    """Every answer takes the same time."""

    kind: Literal["constant"]
    ttft_ms: float = Field(ge=0)
    token_ms: float = Field(default=0.0, ge=0)


class UniformLatency(_Model):
    """A time to first token that is anywhere between two bounds with the same probability."""

    kind: Literal["uniform"]
    low_ms: float = Field(ge=0)
    high_ms: float = Field(ge=0)
    token_ms: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _ordered(self) -> UniformLatency:
        if self.high_ms < self.low_ms:
            raise ValueError(f"high_ms = {self.high_ms:g} lies below low_ms = {self.low_ms:g}; swap them")
        return self


class MeasuredLatency(_Model):
    """Times from a trace: `order` says whether rows are drawn from their distribution or taken one after the other.

    `path` is what the scenario says; planning reads it and fills in the rest. The values travel in memory and in a
    provider's configuration, not in run.json: there stand their number and the digest of the file.
    """

    kind: Literal["measured"]
    path: str = Field(min_length=1)
    order: Literal["sampled", "replayed"] = "sampled"
    digest: str = ""
    rows: int = 0
    ttft_ms: tuple[float, ...] = Field(default=(), exclude=True, repr=False)
    token_ms: tuple[float, ...] = Field(default=(), exclude=True, repr=False)
    total_ms: tuple[float, ...] = Field(default=(), exclude=True, repr=False)

    def with_values(self) -> dict[str, Any]:
        """Return the whole model, its values included, as a provider's configuration holds it."""
        values = {"ttft_ms": self.ttft_ms, "token_ms": self.token_ms, "total_ms": self.total_ms}
        return {**self.model_dump(), **values}


_KINDS: dict[str, type[_Model]] = {
    "lognormal": LatencyModel,
    "constant": ConstantLatency,
    "uniform": UniformLatency,
    "measured": MeasuredLatency,
}


def _by_kind(value: Any) -> Any:
    """Return the model that a raw description names; without a kind it is the lognormal one."""
    if not isinstance(value, dict):
        return value
    kind = value.get("kind", "lognormal")
    if kind not in _KINDS:
        raise ValueError(f'"{kind}" is no latency model; choose one of {", ".join(_KINDS)}')
    return _KINDS[kind].model_validate(value)


AnyLatency = Annotated[LatencyModel | ConstantLatency | UniformLatency | MeasuredLatency, BeforeValidator(_by_kind)]


def lognormal(**model: Any) -> LatencyModel:
    """`ttft_median_ms`, `ttft_sigma`, `token_ms`, `token_sigma`, `input_token_ms`."""
    return cast(LatencyModel, {"kind": "lognormal", **model})


def constant(ttft_ms: float, **model: Any) -> ConstantLatency:
    """Every answer begins after `ttft_ms`; further `token_ms`, `input_token_ms`."""
    return cast(ConstantLatency, {"kind": "constant", "ttft_ms": ttft_ms, **model})


def uniform(low_ms: float, high_ms: float, **model: Any) -> UniformLatency:
    """Answers begin between `low_ms` and `high_ms`; further `token_ms`, `input_token_ms`."""
    return cast(UniformLatency, {"kind": "uniform", "low_ms": low_ms, "high_ms": high_ms, **model})


def measured(path: str, **model: Any) -> MeasuredLatency:
    """Times from a CSV file beside the scenario or in the workspace: columns `ttft_ms` and, if wanted, `token_ms` or
    `total_ms`; `order="replayed"` takes its rows one after the other.
    """
    return cast(MeasuredLatency, {"kind": "measured", "path": path, **model})
