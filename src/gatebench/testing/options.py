"""What a test may ask of a run; the names and meanings of `bench run`'s options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gatebench.content import sentences
from gatebench.errors import Problem
from gatebench.execution.asking import RunRequest

DEFAULT_SEED = 1


class RunOptions(BaseModel):
    """The options of one run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = DEFAULT_SEED
    rate: str | float | None = None
    time_scale: float = 1.0
    engine: str = "auto"
    workers: int = 1
    settings: dict[str, str | bool | int | float] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)
    allow_remote: tuple[str, ...] = ()
    tls_ca: str | None = None
    tls_server_name: str | None = None
    tls_verify: bool = True
    users: int | None = None
    spawn_rate: float | None = None
    run_time: str | None = None
    keep_invalid: bool = False

    def request(self, scenario: str, target: str) -> RunRequest:
        """Return these options as what `bench run` asks for."""
        said = self.model_dump(exclude={"headers", "keep_invalid", "rate", "settings", "allow_remote"})
        rate = f"{self.rate:g}/s" if isinstance(self.rate, float) else self.rate
        settings = {key: _word(value) for key, value in self.settings.items()}
        return RunRequest(scenario, target, rate=rate, settings=settings, allow_remote=self.allow_remote, **said)

    def command(self, scenario: str, target: str) -> list[str]:
        """Return the command line that makes the same run, values of headers left out."""
        words = ["bench", "run", scenario, "--target", target]
        request, plain = self.request(scenario, target), RunRequest(scenario, target, DEFAULT_SEED)
        for name in ("seed", "rate", "time_scale", "engine", "workers", "tls_ca", "tls_server_name", "users"):
            if getattr(request, name) != getattr(plain, name):
                words += [f"--{name.replace('_', '-')}", str(getattr(request, name))]
        words += [] if self.tls_verify else ["--tls-no-verify"]
        words += ["--spawn-rate", f"{self.spawn_rate:g}"] if self.spawn_rate is not None else []
        words += ["--run-time", self.run_time] if self.run_time is not None else []
        for option, values in (
            ("--set", [f"{key}={value}" for key, value in request.settings.items()]),
            ("--header", [f"{name}=…" for name in self.headers]),
            ("--allow-remote", self.allow_remote),
        ):
            words += [word for value in values for word in (option, value)]
        return words


def read_options(sources: Mapping[str, Mapping[str, Any]], problems: list[Problem]) -> RunOptions:
    """Return the options of all sources, the later ones winning; what is wrong is said with the source it stands in."""
    merged: dict[str, Any] = {}
    before = len(problems)
    for where, said in sources.items():
        try:
            RunOptions.model_validate(said)
        except ValidationError as error:
            problems += sentences(error, where)
        merged |= said
    return RunOptions() if len(problems) > before else RunOptions.model_validate(merged)


def _word(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
