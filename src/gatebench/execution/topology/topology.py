"""Everything that stands between the client and the answer: providers, links, gateway. Started together, ready together."""

from __future__ import annotations

import functools
import http.client
import json
import os
import re
import secrets
import subprocess
import sys
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatebench import tls
from gatebench.errors import EnvironmentFailure
from gatebench.execution.topology.ports import free_ports
from gatebench.execution.topology.rendering import Rendering
from gatebench.execution.topology.supervisor import ChildProcess, Supervisor
from gatebench.execution.toxiproxy.client import Engine
from gatebench.execution.toxiproxy.program import command
from gatebench.latency import MeasuredLatency
from gatebench.plan import Endpoint, Plan, ProviderPlan, TlsPlan
from gatebench.run.folder import RunFolder
from gatebench.scenario import FRONT, ONE_LANE, front_link
from gatebench.units import duration_s

HOST = "127.0.0.1"
_START_S = 10.0
_FAREWELL_S = 10_000_000.0


@dataclass(frozen=True)
class Place:
    """Where something listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The http URL."""
        return f"http://{self}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """Read `host:port`."""
        host, _, port = text.rpartition(":")
        return cls(host.strip("[]"), int(port))


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
    admins: dict[str, tuple[Place, ...]] = field(default_factory=dict)  # one for each process of a provider
    gateway: Place | None = None
    version: str | None = None
    config_digest: str | None = None
    processes: dict[str, ChildProcess] = field(default_factory=dict)
    private: list[Path] = field(default_factory=list)

    def start(self) -> None:
        """Start providers, engine, links and gateway; returns when links stand and the gateway's process runs."""
        definition = self.plan.target.definition
        names = [provider.name for provider in self.plan.providers]
        controls = [lane for lane in self.plan.lanes if lane not in ONE_LANE]
        processes = sum(provider.processes for provider in self.plan.providers)
        ports = free_ports(len(names) * 2 + processes + 3 + len(controls))
        if definition is not None:
            for provider in self.plan.providers:
                self._start_provider(provider, ports.pop(), [ports.pop() for _ in provider.process_names()])
        engine = self._start_engine(ports.pop())
        if self.plan.target.url is not None:
            self.gateway = Place.parse(_host_and_port(self.plan.target.url))
        elif definition is not None and definition.process:
            listen = definition.listen
            self.gateway = Place(HOST, ports.pop()) if listen == "auto" else Place.parse(listen)
        engine.wait_ready(_START_S)
        for name in self.providers:
            self._add_link(engine, name, self.providers[name], ports.pop())
        upstream = self.gateway
        if upstream is None and definition is not None and definition.entry is not None:
            upstream = self.links[definition.entry]
        if self.plan.target.unix is None:
            assert upstream is not None  # noqa: S101 - a target has a URL, processes or an entry; its model checks that
            self._add_link(engine, FRONT, upstream, ports.pop(), self.plan.load.listens_on()[0])
        for lane in controls:
            self._add_link(engine, front_link(lane), self.links[self.plan.control_provider()], ports.pop())
        if definition is not None and definition.process:
            self._start_gateway()

    @property
    def trust(self) -> TlsPlan | None:
        """How clients speak TLS with the target, None when it speaks plain HTTP."""
        target = self.plan.target
        declared = target.definition.tls if target.definition else None
        if declared is None:
            return target.tls
        places = [self.folder.work / "target", Path(target.folder or ".")]
        ca = next((place / declared.ca for place in places if declared.ca and (place / declared.ca).is_file()), None)
        return TlsPlan(server_name=declared.server_name, ca=str(ca.resolve()) if ca else None, verify=declared.verify)

    def entrance(self) -> Endpoint:
        """Return where clients go, and as whom they address the target."""
        target = self.plan.target
        if target.unix is not None:
            return Endpoint(unix=target.unix, authority="localhost")
        front = self.links[FRONT]
        authority = urllib.parse.urlsplit(target.url).netloc if target.url else None
        if authority is None and self.trust is not None:
            authority = self.trust.server_name
        return Endpoint(host=front.host, port=front.port, tls=self.trust, authority=authority)

    def wait_ready(self) -> None:
        """Wait until providers and gateway take traffic; EnvironmentFailure with the log's last lines otherwise."""
        for provider in self.plan.providers if self.providers else ():
            for child, place in zip(provider.process_names(), self.admins[provider.name], strict=True):
                self.supervisor.wait_until(
                    self.processes[child], functools.partial(_answers, place, "/health", 200), _START_S, "GET /health"
                )
        for path in self.private:  # read by now; a run folder keeps no key
            path.unlink(missing_ok=True)
        definition = self.plan.target.definition
        if definition is None or self.gateway is None:
            return
        gateway = self.gateway
        for process in definition.process:
            ready = process.ready
            what = f"GET {ready.path} on {gateway}" if ready.path else f"connect to {gateway}"
            self.supervisor.wait_until(
                self.processes[process.name],
                functools.partial(_answers, gateway, ready.path, ready.status, secure=definition.tls is not None),
                duration_s(ready.within),
                what,
            )

    def controls(self) -> dict[str, Endpoint]:
        """Return where the control lanes go: each its own link in front of a provider's, as many as a gateway's path has."""
        places = {lane: self.links[front_link(lane)] for lane in self.plan.lanes if lane not in ONE_LANE}
        return {lane: Endpoint(host=place.host, port=place.port) for lane, place in places.items()}

    def stop(self) -> None:
        """Stop gateway first, so that its last requests end in the ledgers, then providers and engine."""
        definition = self.plan.target.definition
        gateways = {process.name for process in definition.process} if definition else set()
        self.supervisor.stop(child for name, child in self.processes.items() if name in gateways)
        if self.engine is not None and self.plan.engine.kind == "url":
            self.engine.remove_all()
            self.supervisor.disarm("farewell")
        self.supervisor.stop(child for name, child in self.processes.items() if name not in gateways)

    def describe(self) -> dict[str, Any]:
        """Return what run.json says of the addresses and processes."""
        return {
            "links": {name: str(place) for name, place in self.links.items()},
            "providers": {name: str(place) for name, place in self.providers.items()},
            "admins": {name: [str(place) for place in places] for name, places in self.admins.items()},
            "gateway": str(self.gateway) if self.gateway else None,
            "processes": {name: child.pid for name, child in self.processes.items()},
            "guardian": self.supervisor.guardian_pid,
            "target_version": self.version,
            "target_config_digest": self.config_digest,
        }

    def proxy_name(self, link: str) -> str:
        """Return the name of a link's proxy on the engine: our prefix, this run, the link."""
        return f"{self._prefix}{link}"

    @property
    def _prefix(self) -> str:
        return f"gatebench-{self.plan.token}-"

    def _start_provider(self, provider: ProviderPlan, port: int, admin_ports: Sequence[int]) -> None:
        """Start the processes of a provider; several share its port, and each has a port of its own for its control API."""
        shared = provider.processes > 1
        latency = provider.latency
        config = {
            "name": provider.name,
            "host": HOST,
            "port": port,
            "admin_token": self.admin_token,
            "run": self.plan.token,
            "seed": self.plan.seed,
            "latency": latency.with_values() if isinstance(latency, MeasuredLatency) else latency.model_dump(),
            "limits": provider.limits.model_dump() if provider.limits else None,
            "rest": {name: collection.model_dump() for name, collection in provider.rest.items()},
            "processes": provider.processes,
            "vocabularies": self.plan.vocabularies(),
            "request_id": self.plan.request_id,
        }
        self.providers[provider.name] = Place(HOST, port)
        self.admins[provider.name] = tuple(Place(HOST, own if shared else port) for own in admin_ports)
        files = zip(provider.process_names(), provider.stream_names(), admin_ports, strict=True)
        for number, (process, stream, own) in enumerate(files):
            config |= {"process": number, "stream_path": str(self.folder.parts / stream)}
            config["admin_port"] = own if shared else None
            path = self._private(f"{process}.json", json.dumps(config))
            self._run(process, [sys.executable, "-m", "gatebench.execution.upstream.provider", str(path)])

    def _start_engine(self, port: int) -> Engine:
        plan = self.plan.engine
        url = plan.url
        if plan.kind != "url":
            url = f"http://{HOST}:{port}"
            self._run("toxiproxy", command(plan.kind, port, self.plan.seed, plan.program, self.plan.allow_remote))
        assert url is not None  # noqa: S101 - an engine of kind "url" has one
        self.engine = Engine(url, prefix=self._prefix, allow_remote=self.plan.allow_remote)
        return self.engine

    def _add_link(self, engine: Engine, name: str, upstream: Place, port: int, host: str = HOST) -> None:
        if self.plan.engine.kind == "url":
            # Somebody else's server outlives us: should we die, the guardian takes our proxies away from it.
            heal = [
                ("DELETE", f"{self.plan.engine.url}/proxies/{self.proxy_name(link)}", "")
                for link in [*self.links, name]
            ]
            self.supervisor.arm("farewell", _FAREWELL_S, heal)
        self.links[name] = Place.parse(engine.add_link(name, f"{host}:{port}", str(upstream)))

    def _start_gateway(self) -> None:
        target = self.plan.target
        assert target.definition is not None and target.folder is not None and self.gateway is not None  # noqa: S101 - called with all
        directory = self.folder.work / "target"
        directory.mkdir(mode=0o755)
        values = {
            "dir": str(directory.resolve()),
            "folder": target.folder,
            "python": sys.executable,
            "host": HOST,
            "port": self.gateway.port,
            "providers": [
                {
                    "name": name,
                    "host": self.links[name].host,
                    "port": self.links[name].port,
                    "url": self.links[name].url,
                }
                for name in self.providers
            ],
            "settings": target.settings,
            "workers": 1,
            "deadline_s": self.plan.load.deadlines.total_ns / 1e9,
        }
        rendering = Rendering(target, values)
        self.config_digest = rendering.files(directory)
        if target.definition.version is not None:
            self.version = _version(
                [rendering.text(part) for part in target.definition.version.command], target.definition.version.pattern
            )
        for process in target.definition.process:
            env = {name: rendering.text(value) for name, value in process.env.items()}
            self._run(process.name, [rendering.text(part) for part in process.command], env, directory)

    def _run(self, name: str, argv: Sequence[str], env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
        self.processes[name] = self.supervisor.start(name, argv, env=env, cwd=cwd, log=self.folder.logs / f"{name}.log")
        self.folder.event("process.started", process=name, pid=self.processes[name].pid)

    def _private(self, name: str, text: str) -> Path:
        """Write a file that holds a key of this run, readable by its owner only, and gone when it was read."""
        path = self.folder.work / name
        self.private.append(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        return path


def _host_and_port(url: str) -> str:
    match = re.match(r"(https?)://(\[[^\]]+\]|[^/:]+)(?::(\d+))?", url)
    assert match is not None  # noqa: S101 - planning accepted the URL
    return f"{match[2].strip('[]')}:{match[3] or (443 if match[1] == 'https' else 80)}"


def _answers(place: Place, path: str | None, status: int, *, secure: bool = False) -> bool:
    """Tell whether somebody answers as wanted; whether its certificate verifies is for the load to find."""
    connection = http.client.HTTPConnection(place.host, place.port, timeout=1.0)
    if secure:
        context = tls.context(TlsPlan(server_name="localhost", verify=False))
        connection = http.client.HTTPSConnection(place.host, place.port, timeout=1.0, context=context)
    try:
        connection.connect()
        if path is None:
            return True
        connection.request("GET", path)
        return connection.getresponse().status == status
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _version(argv: Sequence[str], pattern: str) -> str | None:
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", timeout=5, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentFailure(f"The target's version cannot be asked: {error}.") from error
    match = re.search(pattern, done.stdout + done.stderr)
    return match[1] if match else None
