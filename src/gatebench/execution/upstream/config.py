"""What one provider process is told when it starts: its name, its port, its latency model and where its ledger goes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from gatebench.errors import ConfigurationError, Problem
from gatebench.guard import is_loopback
from gatebench.latency import AnyLatency, LatencyModel, MeasuredLatency
from gatebench.providers import CollectionModel, LimitsModel
from gatebench.sample import NO_WORD

MOST_LIVES = 32
ORDINALS_A_LIFE = 2**27
_STAMPABLE = re.compile(r"[A-Za-z0-9_.-]+")
_MOST_WORDS = {"provider": NO_WORD["u1"], "fault": NO_WORD["u1"], "tenant": NO_WORD["u2"]}


def _loopback(host: str) -> str:
    if not is_loopback(host):
        raise ValueError(f'"{host}" is not a loopback address; a provider listens on 127.0.0.1 or ::1')
    return host


def _words(vocabularies: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    problems = [
        f'the vocabulary "{name}" has {len(vocabularies[name])} words and its column holds {most}; use fewer'
        for name, most in _MOST_WORDS.items()
        if len(vocabularies.get(name, ())) > most
    ]
    problems += [
        f'the tenant "{tenant}" cannot stand in a stamp; use letters, digits, "_", "." and "-"'
        for tenant in vocabularies.get("tenant", ())
        if not _STAMPABLE.fullmatch(tenant)
    ]
    if problems:
        raise ValueError("; ".join(problems))
    return vocabularies


class ProviderConfig(BaseModel):
    """One simulated provider.

    `port` 0 takes a free one and the ready line on standard output names it. `run` is the token of the run: request ids
    of another run are foreign. `vocabularies` are the run's (`Plan.vocabularies()`). `stream_path` is the Arrow IPC
    file of the ledger; its folder exists.

    Of several `processes` that listen on the one `port`, this is number `process`; each has an `admin_port` of its own,
    where its control API is sure to be its own. One that was ended and started again has a `life` of its own, from 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    host: Annotated[str, AfterValidator(_loopback)] = "127.0.0.1"
    port: int = Field(ge=0, le=65_535)
    admin_token: str = Field(min_length=8)
    run: str = Field(pattern=r"^[0-9a-f]{8}$")
    seed: int
    latency: AnyLatency = LatencyModel()
    limits: LimitsModel | None = None
    rest: dict[str, CollectionModel] = Field(default_factory=lambda: {"items": CollectionModel()})
    process: int = Field(default=0, ge=0)
    processes: int = Field(default=1, ge=1)
    life: int = Field(default=0, ge=0, lt=MOST_LIVES)
    admin_port: int | None = Field(default=None, ge=0, le=65_535)
    vocabularies: Annotated[dict[str, tuple[str, ...]], AfterValidator(_words)] = Field(default_factory=dict)
    stream_path: Path
    request_id: Literal["header", "user", "any", "none"] = "header"

    @model_validator(mode="after")
    def _consistent(self) -> ProviderConfig:
        problems = []
        if self.process >= self.processes:
            problems.append(f"process {self.process} is none of {self.processes}; count them from 0")
        if self.processes > 1 and self.admin_port is None:
            problems.append("several processes on one port need an admin_port each; give it")
        if isinstance(self.latency, MeasuredLatency) and not self.latency.ttft_ms:
            problems.append("the measured latency has no values; give ttft_ms")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def first_ordinal(self) -> int:
        """The ordinal of its first attempt and of its first connection: no two processes and lives have one in common."""
        return self.life * ORDINALS_A_LIFE + self.process + 1

    @classmethod
    def read(cls, path: Path) -> ProviderConfig:
        """Return the configuration in the JSON file `path`; ConfigurationError holds all that is wrong with it."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            problem = Problem(
                str(path), f"cannot be read ({error.strerror}).", "Name a JSON file with the provider's configuration."
            )
            raise ConfigurationError([problem]) from error
        except ValidationError as error:
            raise ConfigurationError([Problem(str(path), text, "") for text in sentences(error)]) from error


def sentences(error: ValidationError) -> list[str]:
    """Return one sentence with the cure for each problem that pydantic found."""
    return [_sentence(".".join(str(part) for part in detail["loc"]), detail) for detail in error.errors()]


def _sentence(where: str, detail: Any) -> str:
    if detail["type"] == "missing":
        return f'"{where}" is missing; add it'
    if detail["type"] == "extra_forbidden":
        return f'"{where}" is not known here; remove it'
    message = detail["msg"].removeprefix("Value error, ")
    return f'"{where}": {message[0].lower()}{message[1:]}' if where else message
