"""What somebody asked for on the command line, and what its target and engine turn out to be."""

from __future__ import annotations

import os
import re
import socket
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gatebench import guard, tls
from gatebench.content import Content, LoadedTarget
from gatebench.environments import environment_of, lacking
from gatebench.errors import ConfigurationError, Problem
from gatebench.execution.standing import standing
from gatebench.execution.topology.ports import is_free
from gatebench.execution.toxiproxy.program import find_real_server
from gatebench.plan import EnginePlan, TargetPlan, TlsPlan
from gatebench.target import Setting

_LONGEST_UNIX = 107
STOP_KEYS = ("stop_when.error_rate", "stop_when.p99_ms", "stop_when.bad_requests", "stop_when.over")
_LOADED = ("--target", "--engine", "TOXIPROXY_URL")
_SCENARIO_KEYS = ("fault", "objective.response_ms", *STOP_KEYS)


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
    remote_workers: int = 0
    listen: str | None = None
    join_within: str = "2m"
    settings: Mapping[str, str] = field(default_factory=dict)
    allow_remote: tuple[str, ...] = ()
    tls_ca: str | None = None
    tls_server_name: str | None = None
    tls_verify: bool = True
    users: int | None = None
    spawn_rate: float | None = None
    run_time: str | None = None
    metrics: str | None = None
    prometheus: str | None = None
    prometheus_match: str | None = None

    def target_settings(self) -> dict[str, str]:
        """Return the --set values that are the target's; the others are the scenario's (`fault`, `stop_when.…`)."""
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
        url = allowed_url(wanted, option, request, problems)
        return EnginePlan(kind="url", url=url) if url else None
    problems.say(
        f"{option} {wanted}", "this is no engine.", "Use auto, embedded, toxiproxy, or the URL of a Toxiproxy server."
    )
    return None


def resolve_target(
    request: RunRequest, content: Content, scenario_settings: Mapping[str, Setting], problems: Problems
) -> TargetPlan | None:
    """Return the target: a URL, or a folder with its profile and its settings filled in."""
    if re.match(r"https?://|unix:", request.target):
        return _url_target(request, problems)
    for option, given in (
        ("--tls-ca", request.tls_ca is not None),
        ("--tls-server-name", request.tls_server_name is not None),
        ("--tls-no-verify", not request.tls_verify),
    ):
        if given:
            problems.say(option, "applies to an https:// target only.", "A target folder says it in its [tls] table.")
    if request.target.startswith("up:"):
        _refuse_settings(request, problems)
        return _standing_target(request, problems)
    name, _, profile_name = request.target.partition(":")
    try:
        loaded = content.target(name)
    except ConfigurationError as error:
        problems.extend(error.problems)
        return None
    definition = loaded.definition
    where = f"targets/{name}/target.toml"
    installed = _installed(loaded, where, problems)
    profile = definition.profiles.get(profile_name or "default")
    if profile_name and profile_name != "default" and profile is None:
        names = ", ".join(sorted({"default", *definition.profiles}))
        problems.say(f"--target {request.target}", f"{name} has no profile {profile_name}.", f"Choose one of: {names}.")
    if definition.fixed_port is not None and definition.front is not None and not is_free(definition.fixed_port):
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
        own_folder=str(loaded.own),
        installed=installed,
        definition=definition,
        settings=settings,
        ignored_settings=ignored,
    )


def _installed(loaded: LoadedTarget, where: str, problems: Problems) -> str | None:
    """Return the target's own environment, None when it needs none; whatever it lacks here is a problem."""
    for lack in lacking(loaded.definition, loaded.folder, loaded.own):
        problems.say(where, lack.what, lack.cure)
    environment = environment_of(loaded.definition, loaded.folder, loaded.own)
    return str(environment.path) if environment else None


def _standing_target(request: RunRequest, problems: Problems) -> TargetPlan | None:
    """Return the entrance of a topology that `bench up` left standing, under its name."""
    there = standing()
    wanted = request.target.removeprefix("up:")
    found = [one for one in there if one.name == wanted or (not wanted and len(there) == 1)]
    if not found:
        names = ", ".join(one.name for one in there) or "nothing"
        problems.say(
            f"--target {request.target}", f"nothing of this name stands; there stands: {names}.", "Try: bench up."
        )
        return None
    return TargetPlan(name=f"up:{found[0].name}", url=f"http://{found[0].links['front']}", standing=found[0].folder)


def _refuse_settings(request: RunRequest, problems: Problems) -> None:
    for key, value in request.target_settings().items():
        problems.say(f"--set {key}={value}", "a running gateway's settings are not ours to change.", "Remove it.")


def _url_target(request: RunRequest, problems: Problems) -> TargetPlan | None:
    _refuse_settings(request, problems)
    if request.target.startswith("unix:"):
        return _unix_target(request.target.removeprefix("unix:"), problems)
    url = allowed_url(request.target, "--target", request, problems)
    if url is None:
        return None
    if not url.startswith("https:"):
        return TargetPlan(name=url, url=url)
    trust = _trust(url, request, problems)
    return TargetPlan(name=url, url=url, tls=trust) if trust else None


def _unix_target(path: str, problems: Problems) -> TargetPlan | None:
    """Return a target behind a Unix socket; clients reach it without a link, for Toxiproxy carries TCP only."""
    where = f"--target unix:{path}"
    place = Path(path)
    if len(os.fsencode(str(place.resolve()))) > _LONGEST_UNIX:
        problems.say(
            where, f"the path is longer than {_LONGEST_UNIX} bytes.", "Use a shorter one; the system has no longer."
        )
    elif not place.exists():
        problems.say(where, "there is no such socket.", "Start the gateway, or correct the path.")
    elif not place.is_socket():
        problems.say(where, "this is no socket.", "Name the socket that the gateway listens on.")
    else:
        return TargetPlan(name=f"unix:{path}", unix=str(place.resolve()))
    return None


def _trust(url: str, request: RunRequest, problems: Problems) -> TlsPlan | None:
    """Return how to speak TLS with `url`, after one handshake that shows that it works."""
    parts = urllib.parse.urlsplit(url)
    host, port = str(parts.hostname), parts.port or 443
    trust = TlsPlan(
        server_name=request.tls_server_name or host,
        ca=str(Path(request.tls_ca).resolve()) if request.tls_ca else None,
        verify=request.tls_verify,
    )
    try:
        tls.context(trust)
    except OSError as error:
        why = "there is no such file" if isinstance(error, FileNotFoundError) else "it holds no certificate in PEM form"
        problems.say(f"--tls-ca {request.tls_ca}", f"{why}.", "Name the CA's certificate, in PEM form.")
        return None
    try:
        why_not = tls.refusal(host, port, trust.server_name, trust)
    except OSError as error:
        problems.say(f"--target {url}", f"nobody answers there: {error.strerror or error}.", "Start the gateway first.")
        return None
    if why_not is not None:
        cure = (
            f"Trust its CA with --tls-ca FILE, name it as its certificate does with --tls-server-name (now {trust.server_name}), "
            "or turn verification off with --tls-no-verify."
        )
        problems.say(f"--target {url}", f"{why_not}.", cure)
        return None
    return trust


def allowed_url(url: str, option: str, request: RunRequest, problems: Problems) -> str | None:
    """Return `scheme://host:port`, or say what else the URL holds: nothing beyond that may be in it, least of all a key."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError as error:
        problems.say(option, f"this is no URL: {error}.", "Write http://127.0.0.1:PORT.")
        return None
    if parts.username or parts.password:
        problems.say(
            option,
            "the URL holds a password, which would end in logs.",
            "Give keys with --header from the environment instead."
            if option == "--target"
            else "Name an address that asks for none.",
        )
        return None
    shown = f"{option} {parts.scheme}://{parts.netloc}"
    if parts.scheme == "https" and option != "--target":
        problems.say(shown, "it is spoken to without TLS.", "Name an http:// address.")
        return None
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        problems.say(shown, "only a host and a port are taken, no path and no query.", "Write http://127.0.0.1:PORT.")
        return None
    try:
        port = (443 if parts.scheme == "https" else 80) if parts.port is None else parts.port
        if port == 0 or not parts.hostname:
            raise ValueError("no host or no port that can be reached")
        guard.resolve(parts.hostname, port, request.allow_remote)
    except ValueError as error:
        problems.say(shown, f"this is no URL: {error}.", "Write http://127.0.0.1:PORT.")
    except guard.RemoteRefused:
        problems.say(
            shown,
            f"{parts.hostname} is not on this machine, and load and faults go to loopback only."
            if option in _LOADED
            else f"{parts.hostname} is not on this machine, and nothing else is asked unless it is allowed.",
            f"If it is yours to {'load' if option in _LOADED else 'ask'}, add --allow-remote {parts.hostname}.",
        )
    except (socket.gaierror, UnicodeError):
        problems.say(shown, f"the host {parts.hostname} is not known.", "Correct its name.")
    else:
        return f"{parts.scheme}://{parts.netloc}"
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
