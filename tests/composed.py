"""What docker-compose.yml says, read as services, files and listeners; tests/compose_rules.py has the rules that it keeps.

`python -m tests.composed` makes the gateways' files in docs/compose anew from the templates of targets/.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from gatebench.content import Content
from gatebench.execution.topology.rendering import Rendering
from gatebench.plan import TargetPlan
from gatebench.target import Setting

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = ROOT / "docs" / "compose"
Service = Mapping[str, Any]
Listener = tuple[str, int]

PROVIDERS = (("provider-a", 9001), ("provider-b", 9002))
PORTS = {"kong": 8000, "apisix": 9080, "traefik": 8080, "krakend": 8081}
METRICS_PORTS = {"kong": 8100, "krakend": 9098}
FILES = {  # rendered by a target: kept beside docker-compose.yml
    ("kong", "kong.yml"): "kong.yml",
    ("apisix", "config.yaml"): "apisix-config.yaml",
    ("apisix", "apisix.yaml"): "apisix.yaml",
    ("traefik", "traefik.yml"): "traefik.yml",
    ("traefik", "routes.yml"): "traefik-routes.yml",
    ("krakend", "krakend.json"): "krakend.json",
}
HARNESS = {5557: "bench run, for load workers", 9464: "bench run, its live figures"}
"""Ports of 127.0.0.1 that no service has, but the harness itself."""


def rendering(
    name: str,
    *,
    profile: str = "default",
    settings: Mapping[str, Setting] | None = None,
    providers: Sequence[tuple[str, int]] = PROVIDERS,
) -> Rendering:
    """Return a container target as a run would render it, with providers at these ports of 127.0.0.1."""
    loaded = Content(ROOT).target(name)
    definition = loaded.definition
    whole = {**definition.settings, **definition.profiles[profile].settings, **(settings or {})}
    plan = TargetPlan(
        name=name,
        profile=profile,
        folder=str(loaded.folder),
        own_folder=str(loaded.own),
        definition=definition,
        settings=whole,
    )
    values = {
        "dir": "/run/of/this",
        "folder": str(loaded.folder),
        "host": "127.0.0.1",
        "port": PORTS[name],
        "providers": [
            {"name": one, "host": "127.0.0.1", "port": port, "url": f"http://127.0.0.1:{port}"}
            for one, port in providers
        ],
        "settings": whole,
        "workers": 1,
        "deadline_s": 5.0,
    }
    return Rendering(plan, values)


def files(name: str, **how: Any) -> dict[str, str]:
    """Return the files that a container target renders, by their names."""
    made = rendering(name, **how)
    return {render.to: made.file(render.template) for render in Content(ROOT).target(name).definition.render}


def standing_files() -> dict[str, str]:
    """Return the files of docs/compose that follow from targets/, by their names."""
    made: dict[str, str] = {}
    for name in PORTS:
        settings = {"metrics_port": METRICS_PORTS[name]} if name in METRICS_PORTS else {}
        for to, text in files(name, settings=settings).items():
            made[FILES[name, to]] = text
    return made


def command(name: str) -> list[str]:
    """Return the command that starts a container target."""
    made = rendering(name)
    return [made.text(part) for part in Content(ROOT).target(name).definition.process[0].command]


def compose() -> dict[str, Any]:
    """Return docker-compose.yml as it is parsed, anchors merged."""
    read: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return read


def environment(service: Service) -> dict[str, str | None]:
    """Return a service's variables; None is what comes from the shell."""
    given = service.get("environment") or {}
    assert isinstance(given, dict), "write variables as a table"
    return {name: None if value is None else str(value) for name, value in given.items()}


def mounted(service: Service) -> dict[str, str]:
    """Return the repository's own files that a service sees, by their place in the container."""
    found: dict[str, str] = {}
    for volume in service.get("volumes", ()):
        source, _, rest = str(volume).partition(":")
        if source.startswith("./") and (ROOT / source).is_file():
            found[rest.removesuffix(":ro")] = (ROOT / source).read_text()
    return found


# ---- where each service listens


def _flag(service: Service, pattern: str) -> str:
    line = " ".join(str(part) for part in service["command"])
    match = re.search(pattern, line)
    return match[1] if match else "everywhere"


def place(text: str) -> Listener:
    """Read `host:port`; without a host it is everywhere."""
    host, _, port = text.rpartition(":")
    return (host or "everywhere", int(port))


def _toxiproxy(service: Service) -> list[Listener]:
    return [(_flag(service, r"-host=(\S+)"), int(_flag(service, r"-port=(\d+)")))]


def _redis(service: Service) -> list[Listener]:
    return [(_flag(service, r"--bind (\S+)"), int(_flag(service, r"--port (\d+)")))]


def _prometheus(service: Service) -> list[Listener]:
    return [place(_flag(service, r"--web\.listen-address=(\S+)"))]


def _provider(service: Service) -> list[Listener]:
    script = mounted(service)["/etc/gatebench/provider.py"]
    host = re.search(r'"host": "([^"]+)"', script)
    return [(host[1] if host else "everywhere", int(environment(service)["PROVIDER_PORT"] or 0))]


def _kong(service: Service) -> list[Listener]:
    given = environment(service)
    every = {"KONG_PROXY_LISTEN", "KONG_ADMIN_LISTEN", "KONG_ADMIN_GUI_LISTEN", "KONG_STATUS_LISTEN"}
    return [place(given.get(name) or "everywhere:0") for name in sorted(every) if given.get(name) != "off"]


def _apisix(service: Service) -> list[Listener]:
    config = yaml.safe_load(mounted(service)["/usr/local/apisix/conf/config.yaml"])
    own = config["apisix"]
    found = [(one.get("ip", "everywhere"), one["port"]) for one in own["node_listen"]]
    if own.get("ssl", {}).get("enable", True):
        found.append(("everywhere", 9443))
    if own.get("enable_control", True):
        found.append((own.get("control", {}).get("ip", "127.0.0.1"), own.get("control", {}).get("port", 9090)))
    if config["plugin_attr"]["prometheus"].get("enable_export_server", True):
        found.append(("127.0.0.1", 9091))
    return found


def _traefik(service: Service) -> list[Listener]:
    config = yaml.safe_load(mounted(service)["/etc/traefik/traefik.yml"])
    return [place(point["address"]) for point in config["entryPoints"].values()]


def _krakend(service: Service) -> list[Listener]:
    config = json.loads(mounted(service)["/etc/krakend/krakend.json"])
    exporters = config["extra_config"].get("telemetry/opentelemetry", {}).get("exporters", {}).get("prometheus", [])
    return [(one.get("listen_ip", "everywhere"), one["port"]) for one in (config, *exporters)]


def _litellm(service: Service) -> list[Listener]:
    return [(_flag(service, r"--host (\S+)"), int(_flag(service, r"--port (\d+)")))]


def _postgres(service: Service) -> list[Listener]:
    return [(_flag(service, r"listen_addresses=(\S+)"), int(_flag(service, r"port=(\d+)")))]


def _tensorzero(service: Service) -> list[Listener]:
    config = tomllib.loads(mounted(service)["/app/config/tensorzero.toml"])
    return [place(config["gateway"].get("bind_address", "everywhere:3000"))]


def _published(service: Service) -> list[Listener]:
    return [place(str(port).rpartition(":")[0]) for port in service["ports"]]


def _nowhere(_: Service) -> list[Listener]:
    return []


_LISTENERS: dict[str, Callable[[Service], list[Listener]]] = {
    "toxiproxy": _toxiproxy,
    "redis": _redis,
    "prometheus": _prometheus,
    "provider-a": _provider,
    "provider-b": _provider,
    "worker": _nowhere,
    "kong": _kong,
    "apisix": _apisix,
    "traefik": _traefik,
    "krakend": _krakend,
    "litellm-secrets": _nowhere,
    "litellm-postgres": _postgres,
    "litellm": _litellm,
    "tensorzero-clickhouse": _published,
    "tensorzero": _tensorzero,
}


def listeners(services: Mapping[str, Service]) -> dict[str, list[Listener]]:
    """Return where each service listens; KeyError for one that nobody taught this to read."""
    return {name: _LISTENERS[name](service) for name, service in services.items()}


def main() -> None:
    """Write the gateways' files of docs/compose."""
    for name, text in standing_files().items():
        (COMPOSE / name).write_text(text)


if __name__ == "__main__":
    main()
