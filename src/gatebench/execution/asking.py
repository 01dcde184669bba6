"""What somebody asked for on the command line, and what its target and engine turn out to be."""

from __future__ import annotations

import os
import re
import shutil
import socket
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field

from gatebench import guard
from gatebench.content import Content
from gatebench.errors import ConfigurationError, Problem
from gatebench.execution.topology.ports import is_free
from gatebench.execution.toxiproxy.program import find_real_server
from gatebench.plan import EnginePlan, TargetPlan
from gatebench.target import Setting

_SCENARIO_KEYS = ("fault", "objective.response_ms")


@dataclass(frozen=True)
class RunRequest:
    """What somebody asked for: one scenario, or one locustfile with its `users`, against one target."""

    scenario: str
    target: str
    seed: int
    time_scale: float = 1.0
    rate: str | None = None
    engine: str = "auto"
    workers: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)
    allow_remote: tuple[str, ...] = ()
    users: int | None = None
    spawn_rate: float | None = None
    run_time: str | None = None

    def target_settings(self) -> dict[str, str]:
        """Return the --set values that are the target's; the others are the scenario's (`fault`, `objective.response_ms`)."""
        return {key: value for key, value in self.settings.items() if key not in _SCENARIO_KEYS}


class Problems(list[Problem]):
    """Every problem found so far."""

    def say(self, where: str, what: str, cure: str) -> None:
        """Add one."""
        self.append(Problem(where, what, cure))


def resolve_engine(request: RunRequest, problems: Problems) -> EnginePlan | None:
    """Return the engine that carries the links: `auto` is ours unless TOXIPROXY_URL names a server."""
    wanted, option = request.engine, "--engine"
    if wanted == "auto" and os.environ.get("TOXIPROXY_URL"):
        wanted, option = os.environ["TOXIPROXY_URL"], "TOXIPROXY_URL"
    if wanted in {"auto", "embedded"}:
        return EnginePlan(kind="embedded")
    if wanted == "toxiproxy":
        program = find_real_server()
        if program is None:
            problems.say(
                "--engine toxiproxy",
                "no toxiproxy-server is on PATH or in .tools/.",
                "Run `make toxiproxy`, or name a running one with --engine URL, or use --engine embedded.",
            )
            return None
        return EnginePlan(kind="toxiproxy", program=program)
    if re.match(r"https?://", wanted):
        url = _allowed_url(wanted, option, request, problems)
        return EnginePlan(kind="url", url=url) if url else None
    problems.say(
        f"{option} {wanted}", "this is no engine.", "Use auto, embedded, toxiproxy, or the URL of a Toxiproxy server."
    )
    return None


def resolve_target(
    request: RunRequest, content: Content, scenario_settings: Mapping[str, Setting], problems: Problems
) -> TargetPlan | None:
    """Return the target: a URL, or a folder with its profile and its settings filled in."""
    if re.match(r"https?://", request.target):
        return _url_target(request, problems)
    name, _, profile_name = request.target.partition(":")
    try:
        loaded = content.target(name)
    except ConfigurationError as error:
        problems.extend(error.problems)
        return None
    definition = loaded.definition
    where = f"targets/{name}/target.toml"
    for requirement in definition.requires:
        if shutil.which(requirement.program) is None:
            problems.say(
                where, f"needs the program {requirement.program}, which is not on PATH.", f"Try: {requirement.cure}."
            )
    profile = definition.profiles.get(profile_name or "default")
    if profile_name and profile_name != "default" and profile is None:
        names = ", ".join(sorted({"default", *definition.profiles}))
        problems.say(f"--target {request.target}", f"{name} has no profile {profile_name}.", f"Choose one of: {names}.")
    if definition.listen != "auto" and definition.process:
        port = int(definition.listen.rpartition(":")[2])
        if not is_free(port):
            problems.say(
                where, f'listen = "{definition.listen}", but that port is in use.', 'Free it, or write listen = "auto".'
            )
    asked = request.target_settings()
    for key in asked:
        if key not in definition.settings:
            known = ", ".join(sorted([*definition.settings, *_SCENARIO_KEYS]))
            problems.say(f"--set {key}={asked[key]}", f"{name} has no setting {key}.", f"Its settings are: {known}.")
    ignored = {key: value for key, value in scenario_settings.items() if key not in definition.settings}
    settings: dict[str, Setting] = {**definition.settings, **(profile.settings if profile else {})}
    settings |= {key: value for key, value in scenario_settings.items() if key in definition.settings}
    settings |= {
        key: _like(definition.settings[key], text) for key, text in asked.items() if key in definition.settings
    }
    return TargetPlan(
        name=name,
        profile=profile_name or "default",
        folder=str(loaded.folder),
        definition=definition,
        settings=settings,
        ignored_settings=ignored,
    )


def _url_target(request: RunRequest, problems: Problems) -> TargetPlan | None:
    for key, value in request.target_settings().items():
        problems.say(f"--set {key}={value}", "a running gateway's settings are not ours to change.", "Remove it.")
    url = _allowed_url(request.target, "--target", request, problems)
    return TargetPlan(name=url, url=url) if url else None


def _allowed_url(url: str, option: str, request: RunRequest, problems: Problems) -> str | None:
    """Return `http://host:port`, or say what else the URL holds: nothing beyond that may be in it, least of all a key."""
    parts = urllib.parse.urlsplit(url)
    if parts.username or parts.password:
        problems.say(
            option,
            "the URL holds a password, which would end in logs.",
            "Give keys with --header from the environment instead.",
        )
        return None
    shown = f"{option} {parts.scheme}://{parts.netloc}"
    if parts.scheme == "https":
        problems.say(shown, "TLS is not offered yet.", "Name an http:// address.")
        return None
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        problems.say(shown, "only a host and a port are taken, no path and no query.", "Write http://127.0.0.1:PORT.")
        return None
    try:
        port = 80 if parts.port is None else parts.port
        if port == 0 or not parts.hostname:
            raise ValueError("no host or no port that can be reached")
        guard.resolve(parts.hostname, port, request.allow_remote)
    except ValueError as error:
        problems.say(shown, f"this is no URL: {error}.", "Write http://127.0.0.1:PORT.")
    except guard.RemoteRefused:
        problems.say(
            shown,
            f"{parts.hostname} is not on this machine, and load and faults go to loopback only.",
            f"If it is yours to load, add --allow-remote {parts.hostname}.",
        )
    except (socket.gaierror, UnicodeError):
        problems.say(shown, f"the host {parts.hostname} is not known.", "Correct its name.")
    else:
        return f"http://{parts.netloc}"
    return None


def _like(default: Setting, text: str) -> Setting:
    """Return `text` as the type of the setting's default; text that does not fit stays text and the target says so."""
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[text.lower()]
        if isinstance(default, int):
            return int(text)
        if isinstance(default, float):
            return float(text)
    except (KeyError, ValueError):
        return text
    return text
