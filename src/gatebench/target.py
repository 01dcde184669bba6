"""A target: the gateway that is measured, as `targets/NAME/target.toml` declares it. Data, no behaviour."""

from __future__ import annotations

import json
import re
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gatebench.faults import Duration
from gatebench.mechanisms import undeclarable

REQUEST_ID: Final = "{{ request_id }}"


class Readiness(BaseModel):
    """How to tell that a process takes traffic: `path` answers `status`, or, without a path, its port accepts."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    path: str | None = None
    status: int = 200
    within: Duration = "10s"


class Process(BaseModel):
    """One process of the target. `command` and `env` are Jinja templates over the same names as the rendered files."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    command: tuple[str, ...] = Field(min_length=1)
    env: dict[str, str] = Field(default_factory=dict)
    ready: Readiness = Readiness()


class Store(BaseModel):
    """A store behind a link of its own: `process` is the one of the target's that serves it, in `protocol`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(default="store", pattern=r"^[a-z][a-z0-9-]*$")
    process: str
    protocol: Literal["redis"] = "redis"


class Render(BaseModel):
    """A file made from a template of the target's folder before anything starts."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    template: str
    to: str


class Requirement(BaseModel):
    """A program that must be on PATH, `check` a command that must end with 0 where the program alone is not enough, and the cure."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    program: str
    cure: str
    check: tuple[str, ...] = ()


class Install(BaseModel):
    """What the target needs in an environment of its own, which `bench targets install` makes in the user's cache directory.

    `python`: packages of PyPI, each with its exact version (`constraints`, a file of the folder, pins what they need in turn), in a
    virtual environment. `npm`: a folder of the target's with package.json and package-lock.json. `check` must end with 0, from
    within the environment, before it counts as installed; `disk_mb` is what all of it takes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    python: tuple[str, ...] = ()
    constraints: str | None = None
    npm: str | None = None
    check: tuple[str, ...] = ()
    disk_mb: int = Field(default=100, gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> Install:
        problems = []
        if bool(self.python) == (self.npm is not None):
            problems.append(
                '[install] needs one of "python" and "npm": a list of packages, or a folder with package.json'
            )
        problems += [
            f'[install] python = "{one}" names no exact version; write name==version'
            for one in self.python
            if not re.fullmatch(r"[A-Za-z0-9._-]+(\[[A-Za-z0-9._,-]+\])?==[A-Za-z0-9.+!_-]+", one)
        ]
        problems += [
            f'[install] names "{path}", outside the target; write a path within its folder'
            for path in (self.constraints, self.npm)
            if path is not None and (path.startswith("/") or ".." in path.split("/"))
        ]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """The files of the target's folder that say what is installed."""
        if self.npm is not None:
            return (f"{self.npm}/package.json", f"{self.npm}/package-lock.json")
        return (self.constraints,) if self.constraints else ()


class Version(BaseModel):
    """How to ask the target its version: a command and a regular expression with one group."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    command: tuple[str, ...] = Field(min_length=1)
    pattern: str = r"(\d+(?:\.\d+)+)"

    @field_validator("pattern")
    @classmethod
    def _one_group(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f'"{pattern}" is no regular expression ({error}); correct it') from None
        if groups < 1:
            raise ValueError(f'"{pattern}" has no group; put the version in parentheses')
        return pattern


class Tls(BaseModel):
    """The gateway itself serves TLS: `ca` is a PEM file of the target's folder, or rendered into its directory."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    ca: str | None = None
    server_name: str = "localhost"
    verify: bool = True


class Build(BaseModel):
    """How the target is built from a checkout of its repository: `command`, run at the checkout's root, `within` a time.

    The command is a Jinja template over `root` (the checkout), `folder`, `here`, `python` and `settings`. `bench gate` runs it for a
    version that is a git ref; `bench run` takes what is there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    command: tuple[str, ...] = Field(min_length=1)
    within: Duration = "10m"


class Timing(BaseModel):
    """Which settings say how long the target's mechanism needs, so that phases can be long enough (`measurement.md` 24)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    detection_window: str | None = None
    open_time: str | None = None


Setting = str | int | float | bool


class Profile(BaseModel):
    """A named variant of the target: settings that differ from the default ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    description: str = ""
    settings: dict[str, Setting] = Field(default_factory=dict)


class TargetDefinition(BaseModel):
    """A target as its folder declares it.

    With processes, clients reach the one called `entry` (default: the first that serves no store). Without, `entry` names the
    provider whose link clients reach directly: a control with as many links in the path as a gateway has.

    `listen` is where it is to listen: a port of ours, one of 127.0.0.1 that it insists on, or "announced": it chooses, and writes
    `HOST:PORT` to the file `address` in its directory.

    `path_prefix` comes before the path of each request to it, `headers` go with each, and `model` says what it calls the model
    `{{ model }}` of a route; headers and model are Jinja templates. `user` is what a body has to hold for the provider to find
    `{{ request_id }}` as its `user`, where that is something else for this gateway.

    `declares` says which settings hold what a mechanism is set to: `[declares.limiter] rate = "limit_rate"`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    description: str = Field(min_length=1)
    capabilities: tuple[str, ...] = ()
    requires: tuple[Requirement, ...] = ()
    install: Install | None = None
    build: Build | None = None
    version: Version | None = None
    request_id: tuple[Literal["header", "user"], ...] = ("header", "user")
    settings: dict[str, Setting] = Field(default_factory=dict)
    timing: Timing = Timing()
    declares: dict[str, dict[str, str]] = Field(default_factory=dict)
    profiles: dict[str, Profile] = Field(default_factory=dict)
    listen: str = Field(default="auto", pattern=r"^(auto|announced|127\.0\.0\.1:\d{1,5})$")
    path_prefix: str = Field(default="", pattern=r"^(/[A-Za-z0-9._~-]+)*$")
    headers: dict[str, str] = Field(default_factory=dict)
    model: str | None = None
    user: dict[str, Any] = Field(default_factory=dict)
    metrics: str | None = Field(default=None, pattern=r"^/[!-~]*$")
    tls: Tls | None = None
    render: tuple[Render, ...] = ()
    process: tuple[Process, ...] = ()
    store: tuple[Store, ...] = ()
    entry: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> TargetDefinition:
        problems = []
        if not self.process and self.entry is None:
            problems.append(
                'no [[process]] and no "entry"; add one of them: a gateway to start, or the provider clients reach directly'
            )
        names = [process.name for process in self.process]
        if self.user and json.dumps(self.user).count(REQUEST_ID) != 1:
            problems.append(f'"user" is to hold "{REQUEST_ID}" once, in the place of the id')
        if not self.process and (
            self.path_prefix or self.headers or self.model or self.user or self.listen == "announced"
        ):
            problems.append(
                'path_prefix, headers, model, user and listen = "announced" say how clients reach a gateway, and there is no [[process]]; '
                "remove them"
            )
        problems += [
            f'the store {store.name} names the process "{store.process}", which is not there'
            for store in self.store
            if store.process not in names
        ]
        if self.process and not self.gateways:
            problems.append("every process serves a store; add the gateway's own")
        if self.process and self.entry is not None and self.entry not in {process.name for process in self.gateways}:
            problems.append(f'"entry" names "{self.entry}", which is no process here')
        for role, setting in self.timing.model_dump(exclude_none=True).items():
            if setting not in self.settings:
                problems.append(f'timing.{role} names the setting "{setting}", which is not in [settings]')
        problems += undeclarable(self.declares)
        problems += [
            f'declares.{family}.{role} names the setting "{setting}", which is not in [settings]; add it there'
            for family, roles in self.declares.items()
            for role, setting in roles.items()
            if setting not in self.settings
        ]
        for name, profile in self.profiles.items():
            problems += [
                f'profile {name} sets "{key}", which is not in [settings]'
                for key in profile.settings
                if key not in self.settings
            ]
        problems += [
            f'two processes are called "{name}"; give each its own name'
            for name in sorted({n for n in names if names.count(n) > 1})
        ]
        if self.fixed_port is not None and not 0 < self.fixed_port <= 65535:
            problems.append(f'listen = "{self.listen}" is no port; write 127.0.0.1:1 to 127.0.0.1:65535, or auto')
        problems += [
            f'render writes to "{render.to}", outside the run; write a path below the scratch directory'
            for render in self.render
            if render.to.startswith("/") or ".." in render.to.split("/") or not render.to.strip("./")
        ]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def fixed_port(self) -> int | None:
        """The port that the gateway insists on, None when it takes or chooses any."""
        port = self.listen.rpartition(":")[2]
        return int(port) if port.isdigit() else None

    @property
    def gateways(self) -> tuple[Process, ...]:
        """The processes that serve no store."""
        stores = {store.process for store in self.store}
        return tuple(process for process in self.process if process.name not in stores)

    @property
    def front(self) -> str | None:
        """The name of the process that clients reach, None without processes."""
        return (self.entry or self.gateways[0].name) if self.gateways else None
