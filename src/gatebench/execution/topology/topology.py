"""Everything that stands between the client and the answer: providers, links, gateway. Started together, ready together."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import secrets
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatebench.errors import EnvironmentFailure
from gatebench.execution import redis
from gatebench.execution.places import GATEWAY
from gatebench.execution.standing import Standing, behind
from gatebench.execution.topology.knocking import answers, ask_to_die
from gatebench.execution.topology.place import Place
from gatebench.execution.topology.ports import free_ports
from gatebench.execution.topology.provider_config import provider_config
from gatebench.execution.topology.rendering import Rendering
from gatebench.execution.topology.supervisor import ChildProcess, Supervisor
from gatebench.execution.topology.target_values import target_values
from gatebench.execution.toxiproxy.client import Engine
from gatebench.execution.toxiproxy.program import command
from gatebench.plan import Endpoint, Plan, ProviderPlan, TlsPlan
from gatebench.run.folder import RunFolder
from gatebench.scenario import FRONT, ONE_LANE, front_link
from gatebench.units import duration_s

HOST = "127.0.0.1"
_START_S = 10.0
_DRAIN_S = 5.0
_FAREWELL_S = 10_000_000.0


ANNOUNCED = "address"
"""The file in the target's directory in which a gateway that chooses where it listens says so."""

Launch = Callable[[int], ChildProcess]
"""Starts a process, given the number of its life, from 0."""


@dataclass
class Topology:
    """One run's providers, links and gateway. `start`, then `wait_ready`, then `stop`; the supervisor ends what is left."""

    plan: Plan
    folder: RunFolder
    supervisor: Supervisor
    admin_token: str = field(default_factory=lambda: secrets.token_hex(16))
    engine: Engine | None = None
    links: dict[str, Place] = field(default_factory=dict)
    providers: dict[str, Place] = field(default_factory=dict)
    stores: dict[str, Place] = field(default_factory=dict)
    admins: dict[str, tuple[Place, ...]] = field(default_factory=dict)  # one for each process of a provider
    gateway: Place | None = None
    version: str | None = None
    config_digest: str | None = None
    headers: dict[str, str] = field(default_factory=dict)  # that the target wants of every client
    processes: dict[str, ChildProcess] = field(default_factory=dict)
    stands: Standing | None = None
    private: list[Path] = field(default_factory=list)
    launches: dict[str, Launch] = field(default_factory=dict)
    lives: dict[str, int] = field(default_factory=dict)

    def start(self) -> None:
        """Start providers, engine, links and gateway; returns when links stand and the gateway's process runs."""
        definition = self.plan.target.definition
        self.stands = behind(self.plan.target)
        if self.plan.target.standing is not None and self.stands is None:
            raise EnvironmentFailure(
                f"{self.plan.target.name} has ended since this was planned; `bench up` starts it again."
            )
        names = [provider.name for provider in self.plan.providers]
        controls = [lane for lane in self.plan.lanes if lane not in ONE_LANE]
        processes = sum(provider.processes for provider in self.plan.providers)
        stores = definition.store if definition is not None else ()
        ports = free_ports(len(names) * 2 + processes + 3 + len(controls) + 2 * len(stores))
        if definition is not None:
            for provider in self.plan.providers:
                self._start_provider(provider, ports.pop(), [ports.pop() for _ in provider.process_names()])
        engine = self._start_engine(ports.pop())
        if self.plan.target.url is not None:
            self.gateway = Place.parse(_host_and_port(self.plan.target.url))
        elif definition is not None and definition.front is not None:
            listen = f"{HOST}:0" if self._announces else definition.listen
            self.gateway = Place(HOST, ports.pop()) if listen == "auto" else Place.parse(listen)
        engine.wait_ready(_START_S)
        for name in self.providers:
            self._add_link(engine, name, self.providers[name], ports.pop())
        for store in stores:
            self.stores[store.name] = Place(HOST, ports.pop())
            self._add_link(engine, store.name, self.stores[store.name], ports.pop())
        if self._announces:
            self._start_target()
            self._await_announcement()
        upstream = self.gateway
        if upstream is None and definition is not None and definition.entry is not None:
            upstream = self.links[definition.entry]
        if self.plan.target.unix is None:
            assert upstream is not None  # noqa: S101 - a target has a URL, processes or an entry; its model checks that
            self._add_link(engine, FRONT, upstream, ports.pop(), self.plan.load.listens_on()[0])
        for lane in controls:
            self._add_link(engine, front_link(lane), self.links[self.plan.control_provider()], ports.pop())
        if definition is not None and definition.front is not None and not self._announces:
            self._start_target()

    @property
    def scratch(self) -> Path:
        """The directory of the target's rendered files."""
        return self.folder.work / "target"

    @property
    def trust(self) -> TlsPlan | None:
        """How clients speak TLS with the target, None when it speaks plain HTTP."""
        target = self.plan.target
        if self.stands is not None:
            return self.stands.entrance.tls
        declared = target.definition.tls if target.definition else None
        if declared is None:
            return target.tls
        places = [self.scratch, Path(target.folder or ".")]
        ca = next((place / declared.ca for place in places if declared.ca and (place / declared.ca).is_file()), None)
        return TlsPlan(server_name=declared.server_name, ca=str(ca.resolve()) if ca else None, verify=declared.verify)

    def entrance(self) -> Endpoint:
        """Return where clients go, and as whom they address the target."""
        target = self.plan.target
        if target.unix is not None:
            return Endpoint(unix=target.unix, authority="localhost")
        front = self.links[FRONT]
        if self.stands is not None:  # whoever comes to it addresses it as those do who have started it
            return self.stands.entrance.model_copy(update={"host": front.host, "port": front.port})
        authority = urllib.parse.urlsplit(target.url).netloc if target.url else None
        if authority is None and self.trust is not None:
            authority = self.trust.server_name
        return Endpoint(
            host=front.host,
            port=front.port,
            tls=self.trust,
            authority=authority,
            prefix=target.definition.path_prefix if target.definition else "",
            user=target.definition.user if target.definition else {},
            headers=self.headers,
        )

    def wait_ready(self) -> None:
        """Wait until providers and gateway take traffic; EnvironmentFailure with the log's last lines otherwise."""
        definition = self.plan.target.definition
        gateways = [process.name for process in definition.gateways] if definition and self.gateway else []
        providers = [process for provider in self.plan.providers for process in provider.process_names()]
        for name in [*(providers if self.providers else ()), *gateways]:
            self._await(name)
        for path in self.private:  # read by now; a run folder keeps no key
            path.unlink(missing_ok=True)

    def names(self, place: str) -> list[str]:
        """Return the processes that a fault on `place` means: those of a provider, or the one of this name."""
        provider = next((one for one in self.plan.providers if one.name == place), None)
        if provider is not None:
            return list(provider.process_names())
        definition = self.plan.target.definition
        return [definition.front] if definition and definition.front and place == GATEWAY else [place]

    def take_down(self, place: str, *, hard: bool) -> None:
        """End the processes of a place; `hard` is SIGKILL. A provider closes its books in the same breath."""
        names = self.names(place)
        if hard and place in self.admins:
            self._die(place, names)
        elif hard:
            self.supervisor.kill(self.processes[name] for name in names)
        else:
            self.supervisor.stop((self.processes[name] for name in names), _DRAIN_S)

    def bring_up(self, place: str) -> None:
        """Start the processes of a place again, unless they run, and wait until they take traffic."""
        names = self.names(place)
        try:
            for name in names:
                if self.processes[name].poll() is not None:
                    self.lives[name] += 1
                    self.processes[name] = self.launches[name](self.lives[name])
                    if self._announces and name == self._front:
                        assert self.engine is not None  # noqa: S101 - it was started before any process
                        self._await_announcement()
                        self.engine.move_link(FRONT, str(self.gateway))
                    self._await(name)
        finally:
            for name in names:  # and no others: those of another place may not have been read yet
                self._key_file(name).unlink(missing_ok=True)

    def pause(self, place: str, ttl_s: float) -> None:
        """Stop the processes of a place where they are; they go on by themselves after `ttl_s`."""
        self.supervisor.pause([self.processes[name] for name in self.names(place)], ttl_s)

    def resume(self, place: str) -> None:
        """Let them go on."""
        self.supervisor.resume([self.processes[name] for name in self.names(place)])

    def _die(self, provider: str, names: Sequence[str]) -> None:
        for name, admin in zip(names, self.admins[provider], strict=True):
            child = self.processes[name]
            child.stopping = True
            ask_to_die(admin, self.admin_token)
            self.supervisor.kill([child])  # should it not have heard us; else this waits until it is gone

    def _await(self, name: str) -> None:
        """Wait until a process takes traffic."""
        child = self.processes[name]
        for provider in self.plan.providers:
            for process, place in zip(provider.process_names(), self.admins.get(provider.name, ()), strict=False):
                if process == name:
                    ready = functools.partial(answers, place, "/health", 200)
                    self.supervisor.wait_until(child, ready, _START_S, "GET /health")
                    return
        definition = self.plan.target.definition
        assert definition is not None and self.gateway is not None  # noqa: S101 - no provider: a process of the target
        for store in definition.store:
            if store.process == name:
                place = self.stores[store.name]
                self.supervisor.wait_until(
                    child, functools.partial(redis.answers, place.host, place.port), _START_S, "PING"
                )
                return
        how = next(process.ready for process in definition.process if process.name == name)
        what = f"GET {how.path} on {self.gateway}" if how.path else f"connect to {self.gateway}"
        ready = functools.partial(answers, self.gateway, how.path, how.status, secure=definition.tls is not None)
        self.supervisor.wait_until(child, ready, duration_s(how.within), what)

    def controls(self) -> dict[str, Endpoint]:
        """Return where the control lanes go: each its own link in front of a provider's, as many as a gateway's path has."""
        places = {lane: self.links[front_link(lane)] for lane in self.plan.lanes if lane not in ONE_LANE}
        return {lane: Endpoint(host=place.host, port=place.port) for lane, place in places.items()}

    def stop(self) -> None:
        """Stop gateway first, so that its last requests end in the ledgers, then providers and engine."""
        definition = self.plan.target.definition
        gateways = {process.name for process in definition.process} if definition else set()
        with contextlib.ExitStack() as ending:  # each is done, whatever becomes of the others; the last one first
            ending.callback(self.supervisor.stop, [one for name, one in self.processes.items() if name not in gateways])
            ending.callback(self._leave_engine)
            self.supervisor.stop(child for name, child in self.processes.items() if name in gateways)

    def _leave_engine(self) -> None:
        """Take our proxies away from somebody else's server."""
        if self.engine is not None and self.plan.engine.kind == "url":
            self.engine.remove_all()
            self.supervisor.disarm("farewell")

    def describe(self) -> dict[str, Any]:
        """Return what run.json says of the addresses and processes."""
        return {
            "links": {name: str(place) for name, place in self.links.items()},
            "providers": {name: str(place) for name, place in self.providers.items()},
            "admins": {name: [str(place) for place in places] for name, places in self.admins.items()},
            "stores": {name: str(place) for name, place in self.stores.items()},
            "gateway": str(self.gateway) if self.gateway else None,
            "processes": {name: child.pid for name, child in self.processes.items()},
            "guardian": self.supervisor.guardian_pid,
            "target_version": self.version,
            "target_config_digest": self.config_digest,
        }

    @property
    def prefix(self) -> str:
        """What the names of our proxies on the engine begin with."""
        return f"gatebench-{self.plan.token}-"

    def _start_provider(self, provider: ProviderPlan, port: int, admin_ports: Sequence[int]) -> None:
        """Start the processes of a provider; several share its port, and each has a port of its own for its control API."""
        shared = provider.processes > 1
        config = provider_config(self.plan, provider, Place(HOST, port), self.admin_token)
        self.providers[provider.name] = Place(HOST, port)
        self.admins[provider.name] = tuple(Place(HOST, own if shared else port) for own in admin_ports)
        files = zip(provider.process_names(), provider.stream_names(), admin_ports, strict=True)
        for number, (process, stream, own) in enumerate(files):
            own_config = {**config, "process": number, "admin_port": own if shared else None}
            self._launch(process, functools.partial(self._provider_process, process, own_config, stream))

    def _provider_process(self, name: str, config: dict[str, Any], stream: str, life: int) -> ChildProcess:
        """Start one process of a provider; each of its lives has a ledger of its own."""
        path = self.folder.parts / stream
        if life:
            path = path.with_name(f"{path.stem}~{life}{path.suffix}")
        written = self._private(name, json.dumps({**config, "life": life, "stream_path": str(path)}))
        return self._run(name, [sys.executable, "-m", "gatebench.execution.upstream.provider", str(written)])

    def _start_engine(self, port: int) -> Engine:
        plan = self.plan.engine
        url = plan.url
        if plan.kind != "url":
            url = f"http://{HOST}:{port}"
            argv = command(plan.kind, port, self.plan.seed, plan.program, self.plan.allow_remote)
            self._launch("toxiproxy", lambda _life: self._run("toxiproxy", argv))
        assert url is not None  # noqa: S101 - an engine of kind "url" has one
        self.engine = Engine(url, prefix=self.prefix, allow_remote=self.plan.allow_remote)
        return self.engine

    def _add_link(self, engine: Engine, name: str, upstream: Place, port: int, host: str = HOST) -> None:
        if self.plan.engine.kind == "url":
            # Somebody else's server outlives us: should we die, the guardian takes our proxies away from it.
            heal = [
                ("DELETE", f"{self.plan.engine.url}/proxies/{engine.proxy_name(link)}", "")
                for link in [*self.links, name]
            ]
            self.supervisor.arm("farewell", _FAREWELL_S, heal)
        self.links[name] = Place.parse(engine.add_link(name, f"{host}:{port}", str(upstream)))

    def _start_target(self) -> None:
        target = self.plan.target
        assert target.definition is not None and target.folder is not None and self.gateway is not None  # noqa: S101 - called with all
        directory = self.scratch
        directory.mkdir(mode=0o755)
        values = target_values(
            self.plan,
            directory,
            self.gateway,
            providers={name: self.links[name] for name in self.providers},
            stores={name: self.links[name] for name in self.stores},
            ports={name: place.port for name, place in self.stores.items()},
        )
        rendering = Rendering(target, values)
        self.headers = rendering.headers()
        self.config_digest = rendering.files(directory)
        if target.definition.version is not None:
            self.version = _version(
                [rendering.text(part) for part in target.definition.version.command], target.definition.version.pattern
            )
        stores = {store.process for store in target.definition.store}
        for process in sorted(target.definition.process, key=lambda process: process.name not in stores):
            env = {name: rendering.text(value) for name, value in process.env.items()}
            argv = [rendering.text(part) for part in process.command]
            self._launch(process.name, functools.partial(self._target_process, process.name, argv, env, directory))
            if process.name in stores:
                self._await(process.name)  # before a gateway looks for it

    def _target_process(
        self, name: str, argv: Sequence[str], env: dict[str, str], directory: Path, _life: int
    ) -> ChildProcess:
        if self._announces and name == self._front:
            (directory / ANNOUNCED).unlink(missing_ok=True)  # of the life before
        return self._run(name, argv, env, directory)

    @property
    def _front(self) -> str | None:
        """The name of the process that clients reach, None without one."""
        definition = self.plan.target.definition
        return definition.front if definition is not None else None

    @property
    def _announces(self) -> bool:
        """Whether the gateway says where it listens, instead of being told."""
        definition = self.plan.target.definition
        return definition is not None and definition.listen == "announced"

    def _await_announcement(self) -> None:
        """Wait until the gateway has said where it listens."""
        definition, name = self.plan.target.definition, self._front
        assert definition is not None and name is not None  # noqa: S101 - who announces has a process
        within_s = next(duration_s(process.ready.within) for process in definition.process if process.name == name)
        file = self.scratch / ANNOUNCED
        said = functools.partial(_said, file)
        self.supervisor.wait_until(
            self.processes[name], lambda: said() is not None, within_s, f"HOST:PORT in {file.name}"
        )
        self.gateway = said()

    def _launch(self, name: str, launch: Launch) -> None:
        """Start a process for the first time, and keep how that is done."""
        self.launches[name] = launch
        self.lives[name] = 0
        self.processes[name] = launch(0)

    def _run(
        self, name: str, argv: Sequence[str], env: dict[str, str] | None = None, cwd: Path | None = None
    ) -> ChildProcess:
        child = self.supervisor.start(name, argv, env=env, cwd=cwd, log=self.folder.logs / f"{name}.log")
        self.folder.event("process.started", process=name, pid=child.pid)
        return child

    def _key_file(self, process: str) -> Path:
        return self.folder.work / f"{process}.json"

    def _private(self, name: str, text: str) -> Path:
        """Write a file that holds a key of this run, readable by its owner only, and gone when it was read."""
        path = self._key_file(name)
        self.private.append(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        return path


def _said(file: Path) -> Place | None:
    """Return the place that a file names; None when it is not there, or not written to its end."""
    with contextlib.suppress(OSError, ValueError):
        text = file.read_text()
        return Place.parse(text.strip()) if text.endswith("\n") else None
    return None


def _host_and_port(url: str) -> str:
    match = re.match(r"(https?)://(\[[^\]]+\]|[^/:]+)(?::(\d+))?", url)
    assert match is not None  # noqa: S101 - planning accepted the URL
    return f"{match[2].strip('[]')}:{match[3] or (443 if match[1] == 'https' else 80)}"


def _version(argv: Sequence[str], pattern: str) -> str | None:
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", timeout=5, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentFailure(f"The target's version cannot be asked: {error}.") from error
    match = re.search(pattern, done.stdout + done.stderr)
    return match[1] if match else None
