"""The rules of the container side; each returns what is wrong, in sentences, and an empty list when nothing is."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.composed import HARNESS, ROOT, Service, environment, listeners, mounted, place


def wrong_images(services: Mapping[str, Service]) -> list[str]:
    """Every image has an exact version; what is built here has the version of the package."""
    problems = []
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name, service in services.items():
        image, _, tag = service.get("image", "").rpartition(":")
        exact = (
            r"\d+\.\d+" if image == "postgres" else r"v?\d+\.\d+\.\d+(\.\d+)*(-[a-z]+)?"
        )  # Postgres counts in two numbers
        if "build" in service and tag != version:
            problems.append(f"{name}: is built as {tag}, and the package is {version}")
        if not re.fullmatch(exact, tag):
            problems.append(f"{name}: {service.get('image')} names no exact version")
    return problems


def wrong_health(services: Mapping[str, Service]) -> list[str]:
    """Every service has a health check, or says why it has none; who waits for health waits for somebody who has one."""
    problems = []
    for name, service in services.items():
        test = service.get("healthcheck", {}).get("test")
        if not test and not str(service.get("labels", {}).get("gatebench.no-healthcheck", "")).strip():
            problems.append(f"{name}: has no health check and does not say why")
        if test:
            line = " ".join(str(part) for part in test)
            asked = {int(port) for port in re.findall(r"127\.0\.0\.1[:/](\d+)|-p (\d+)", line) for port in port if port}
            strange = asked - {port for _, port in listeners({name: service})[name]}
            problems += [f"{name}: its health check asks port {port}, where it does not listen" for port in strange]
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy" and not services.get(other, {}).get("healthcheck"):
                problems.append(f"{name}: waits for the health of {other}, which has no health check")
            missing = set(service.get("profiles", ())) - set(services.get(other, {}).get("profiles", ()))
            if missing and services.get(other, {}).get("profiles"):
                problems.append(f"{name}: waits for {other}, which is not of the profile {', '.join(sorted(missing))}")
    return problems


def wrong_places(services: Mapping[str, Service]) -> list[str]:
    """Everything listens on loopback only, and no port is taken twice."""
    problems = []
    owners: dict[int, str] = dict(HARNESS)
    for name, places in listeners(services).items():
        service = services[name]
        mode = service.get("network_mode")
        if mode == "host" and "ports" in service:
            problems.append(f"{name}: publishes ports and has the host's network")
        if mode not in {"host", "none"} and "ports" not in service:
            problems.append(f"{name}: has a network of its own and publishes nothing")
        for host, port in places:
            if host == "everywhere" or not ipaddress.ip_address(host).is_loopback:
                problems.append(f"{name}: listens on {host}, port {port}, which is not loopback")
            if port in owners:
                problems.append(f"{name}: port {port} belongs to {owners[port]}")
            owners[port] = name
    return problems


def wrong_confinement(services: Mapping[str, Service]) -> list[str]:
    """Nobody gains privileges, everybody has a limit of memory, nobody is privileged or sees Docker itself."""
    problems = []
    for name, service in services.items():
        if "no-new-privileges:true" not in service.get("security_opt", ()):
            problems.append(f"{name}: may gain privileges")
        if "mem_limit" not in service:
            problems.append(f"{name}: has no limit of memory")
        if service.get("privileged") or "cap_add" in service or "docker.sock" in str(service.get("volumes")):
            problems.append(f"{name}: has more rights than it needs")
    return problems


def variables(text: str, services: Mapping[str, Service]) -> set[str]:
    """Return the variables that the shell, or .env, gives to the compose file."""
    code = "\n".join(line.partition(" #")[0] for line in text.splitlines() if not line.lstrip().startswith("#"))
    named = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", code))
    passed = {name for service in services.values() for name, value in environment(service).items() if value is None}
    return named | passed


_SECRET = re.compile(r"(^|_)(KEY|TOKEN|PASSWORD|SECRET)(_|$)")


def wrong_secrets(text: str, services: Mapping[str, Service]) -> list[str]:
    """A secret comes from the shell and has no default."""
    problems = [
        f"{name} has a default, and is a secret"
        for name, default in re.findall(r"(?<!\$)\$\{([A-Z_]+):?-([^}]*)\}", text)
        if default and _SECRET.search(name)
    ]
    for name, service in services.items():
        for variable, value in environment(service).items():
            if value and _SECRET.search(variable) and not re.fullmatch(r"\$\{[A-Z_]+:-\}", value):
                problems.append(f"{name}: {variable} is written down")
    return problems


def documented(page: str) -> tuple[dict[str, set[int]], set[str]]:
    """Return the ports by service and the variables that the tables of docs/containers.md have."""
    ports: dict[str, set[int]] = {}
    for service, numbers in re.findall(r"^\| `([a-z-]+)` \| ([\d, ]+|-) \|", page, re.MULTILINE):
        ports[service] = {int(number) for number in re.findall(r"\d+", numbers)}
    return ports, set(re.findall(r"^\| `([A-Z][A-Z_]+)` \|", page, re.MULTILINE))


def wrong_page(page: str, text: str, services: Mapping[str, Service]) -> list[str]:
    """The page and the file name the same ports, variables, profiles and images, both ways."""
    problems = []
    ports, named = documented(page)
    real = {name: {port for _, port in places} for name, places in listeners(services).items()}
    problems += [
        f"{service}: the page has ports {ports.get(service)}, the file {real.get(service)}"
        for service in sorted(set(real) | set(ports))
        if real.get(service) != ports.get(service)
    ]
    problems += [
        f"{variable}: is in the page or in the file, not in both"
        for variable in sorted(named ^ variables(text, services))
    ]
    known = {port for places in real.values() for port in places} | set(HARNESS)
    problems += [
        f"port {port} is in the page and belongs to nobody"
        for port in {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", page)} - known
    ]
    profiles = {profile for service in services.values() for profile in service.get("profiles", ())}
    problems += [f"profile {profile} is not in the page" for profile in sorted(profiles) if f"`{profile}`" not in page]
    asked = set(re.findall(r"--profile ([a-z]+)", page))
    problems += [f"profile {profile} is in the page and not in the file" for profile in sorted(asked - profiles)]
    return problems


def wrong_twins(services: Mapping[str, Service], commands: Mapping[str, Sequence[str]]) -> list[str]:
    """A gateway that targets/ and docker-compose.yml both start is the same image with the same variables."""
    problems = []
    for name, argv in commands.items():
        service = services[name]
        if service["image"] not in argv:
            problems.append(f"{name}: the target does not start {service['image']}")
        given = dict(part.removeprefix("--env=").split("=", 1) for part in argv if part.startswith("--env="))
        there = environment(service)
        problems += [f"{name}: {variable} is set by one of both" for variable in sorted(set(given) ^ set(there))]
        for variable in sorted(set(given) & set(there)):
            if given[variable] != there[variable] and "_LISTEN" not in variable:
                problems.append(f"{name}: {variable} is {given[variable]} in the target, {there[variable]} in the file")
        places = {part.split(":")[1] for part in argv if part.startswith("--volume=")}
        if places != set(mounted(service)):
            problems.append(f"{name}: sees {sorted(mounted(service))}, and started by the target {sorted(places)}")
    return problems


def wrong_scrapes(config: Mapping[str, Any], services: Mapping[str, Service]) -> list[str]:
    """Every job is called as a service and asks a port of it; what runs on the host has files."""
    problems = []
    places = listeners(services)
    for job in config["scrape_configs"]:
        name = job["job_name"]
        addresses = [target for one in job.get("static_configs", ()) for target in one["targets"]]
        if "file_sd_configs" in job:
            seen = [str(volume).split(":")[-2] for volume in services["prometheus"]["volumes"]]
            files = [file for one in job["file_sd_configs"] for file in one["files"]]
            problems += [
                f"{name}: {file} is not in the container" for file in files if str(Path(file).parent) not in seen
            ]
        elif name not in services:
            problems.append(f"{name}: is a job and no service")
        problems += [
            f"{name}: {address} is no place where it listens"
            for address in addresses
            if name in services and place(address) not in places[name]
        ]
        if name.startswith("provider"):
            problems.append(f"{name}: a provider has no metrics, and takes the question for an attempt")
    return problems


_FUNCTIONS = re.compile(r"\b[a-z_]+\s*(?=\()")
_NOT_METRICS = {
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "and",
    "or",
    "unless",
    "bool",
    "offset",
    "le",
}


def metric_names(query: str) -> set[str]:
    """Return the names of the series that a PromQL expression reads."""
    bare = re.sub(r'"[^"]*"', "", query)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", bare)
    bare = _FUNCTIONS.sub("", bare)
    return set(re.findall(r"\b[a-zA-Z_:][a-zA-Z0-9_:]*\b", bare)) - _NOT_METRICS


def exported(exposition: str) -> set[str]:
    """Return the names of the series that a text exposition declares, those of histograms and summaries written out."""
    names: set[str] = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", exposition, re.MULTILINE):
        names.add(name)
        if kind in {"histogram", "summary"}:
            names |= {f"{name}_count", f"{name}_sum"}
        if kind == "histogram":
            names = (names - {name}) | {f"{name}_bucket"}
    return names


def wrong_dashboard(dashboard: Mapping[str, Any], known: set[str]) -> list[str]:
    """Every query reads series that exist, from the data source that the reader chooses; no two panels share a number."""
    problems = []
    chosen = {one["name"] for one in dashboard["templating"]["list"] if one["type"] == "datasource"}
    if not chosen:
        problems.append("the data source is not a variable")
    ids = [panel["id"] for panel in dashboard["panels"]]
    problems += [f"two panels have the number {one}" for one in sorted({one for one in ids if ids.count(one) > 1})]
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            continue
        if panel["datasource"]["uid"].strip("${}") not in chosen:
            problems.append(f"{panel['title']}: its data source is fixed")
        if not panel["targets"]:
            problems.append(f"{panel['title']}: asks nothing")
        for target in panel["targets"]:
            names = metric_names(target["expr"])
            if not names:
                problems.append(f"{panel['title']}: {target['expr']} reads no series")
            problems += [f"{panel['title']}: nobody exports {name}" for name in sorted(names - known)]
    return problems


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile with their arguments, continued lines joined, comments left out."""
    lines = [line for line in dockerfile.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [
        (word.upper(), rest.strip())
        for word, _, rest in (line.strip().partition(" ") for line in joined.splitlines() if line.strip())
    ]


def wrong_dockerfile(dockerfile: str) -> list[str]:
    """Exact bases, several stages, nobody's root, nothing fetched by URL, no secret, no developer's package, `bench` as the program."""
    problems = []
    steps = instructions(dockerfile)
    bases = [rest.split()[0] for word, rest in steps if word == "FROM"]
    problems += [f"{base} names no exact version" for base in bases if not re.fullmatch(r"\S+:\d+\.\d+\.\d+\S*", base)]
    if len(bases) < 2:
        problems.append("there is one stage: what builds is shipped")
    last = max((place for place, (word, _) in enumerate(steps) if word == "FROM"), default=0)
    final = steps[last:]
    users = [rest for word, rest in final if word == "USER"]
    if not users or re.match(r"(root|0)(:|$)", users[-1]):
        problems.append("it runs as root")
    for word, rest in steps:
        if word == "ADD":
            problems.append(f"ADD {rest}: use COPY, which fetches and unpacks nothing")
        if word == "RUN" and re.search(r"\b(curl|wget)\b|https?://", rest):
            problems.append(f"RUN {rest[:40]}: fetches by URL")
        if word in {"ENV", "ARG"} and re.search(r"KEY|TOKEN|PASSWORD|SECRET", rest):
            problems.append(f"{word} {rest}: a secret stays in the image")
        if word == "COPY" and re.match(r"\.\s", rest):
            problems.append("COPY .: takes everything; name what is needed")
        if (
            word == "RUN"
            and "install" in rest
            and re.search(r"requirements\.lock\b(?!\s*>)", rest.partition("install")[2])
        ):
            problems.append("RUN: the lock holds developers' packages too")
    if ("ENTRYPOINT", '["bench"]') not in final:
        problems.append("its program is not bench")
    return problems


def foreign_hosts(texts: Iterable[str]) -> set[str]:
    """Return the hosts of package registries that are written down."""
    return set(
        re.findall(
            r"pypi\.org|pythonhosted\.org|registry\.npmjs\.org|proxy\.golang\.org|deb\.debian\.org|crates\.io",
            "\n".join(texts),
        )
    )
