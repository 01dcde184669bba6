"""The container side holds together without an engine: compose file, gateways' files, Prometheus, dashboard, image, and the page."""

from __future__ import annotations

import copy
import json
import os
import re
import runpy
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gatebench.content import Content
from gatebench.errors import ConfigurationError
from gatebench.execution.topology.rendering import rehearse
from gatebench.execution.toxiproxy import metrics as engine_metrics
from gatebench.execution.toxiproxy.proxies import Proxies
from gatebench.execution.upstream.config import ProviderConfig
from gatebench.plan import TargetPlan
from targets.reference.refgate.metrics import Metrics
from tests import compose_rules, composed

ROOT = composed.ROOT
TEXT = (ROOT / "docker-compose.yml").read_text()
SERVICES: dict[str, Any] = composed.compose()["services"]
PAGE = (ROOT / "docs" / "containers.md").read_text()
PROMETHEUS: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "compose" / "prometheus.yml").read_text())
DASHBOARD: dict[str, Any] = json.loads((ROOT / "docs" / "dashboards" / "gatebench.json").read_text())
DOCKERFILE = (ROOT / "docs" / "compose" / "Dockerfile").read_text()
IGNORED = (ROOT / "docs" / "compose" / "Dockerfile.dockerignore").read_text()
COMMANDS = {name: composed.command(name) for name in composed.PORTS}
TARGETS = sorted(composed.PORTS)

# What `bench run` itself exports while it runs.
LIVE = {
    "gatebench_requests_total",
    "gatebench_in_flight",
    "gatebench_offered_rate_per_s",
    "gatebench_response_seconds",
    "gatebench_phase",
    "gatebench_fault_active",
    "gatebench_dispatch_delay_seconds",
}


class _NoProxies(Proxies):
    """An engine without a proxy still declares what it counts."""

    def __init__(self) -> None:
        pass

    def __iter__(self) -> Any:
        return iter(())


def known() -> set[str]:
    """Return the series that the reference gateway, the embedded engine and the harness export. A provider exports none."""
    texts = Metrics().render().decode() + engine_metrics.render(_NoProxies()).decode()
    return compose_rules.exported(texts) | LIVE


# ---- as it is, nothing is wrong


@pytest.mark.parametrize(
    "problems",
    [
        pytest.param(compose_rules.wrong_images(SERVICES), id="images"),
        pytest.param(compose_rules.wrong_health(SERVICES), id="health"),
        pytest.param(compose_rules.wrong_places(SERVICES), id="places"),
        pytest.param(compose_rules.wrong_confinement(SERVICES), id="confinement"),
        pytest.param(compose_rules.wrong_secrets(TEXT, SERVICES), id="secrets"),
        pytest.param(compose_rules.wrong_page(PAGE, TEXT, SERVICES), id="page"),
        pytest.param(compose_rules.wrong_twins(SERVICES, COMMANDS), id="twins"),
        pytest.param(compose_rules.wrong_scrapes(PROMETHEUS, SERVICES), id="scrapes"),
        pytest.param(compose_rules.wrong_dashboard(DASHBOARD, known()), id="dashboard"),
        pytest.param(compose_rules.wrong_dockerfile(DOCKERFILE), id="dockerfile"),
    ],
)
def test_it_keeps_every_rule(problems: list[str]) -> None:
    """The files as they are shipped."""
    assert problems == []


# ---- and each rule has been seen to fail


def put(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return what sets one field of the services."""

    def change(services: dict[str, Any]) -> None:
        place = services
        for part in path[:-1]:
            place = place[part]
        if value is None:
            del place[path[-1]]
        else:
            place[path[-1]] = value

    return change


def command_with(service: str, before: str, after: str) -> Callable[[dict[str, Any]], None]:
    """Return what replaces a piece of a command."""

    def change(services: dict[str, Any]) -> None:
        services[service]["command"] = [str(part).replace(before, after) for part in services[service]["command"]]

    return change


BROKEN = [
    (
        compose_rules.wrong_images,
        put("redis", "image", value="redis:latest"),
        "redis: redis:latest names no exact version",
    ),
    (compose_rules.wrong_images, put("redis", "image", value="redis"), "redis: redis names no exact version"),
    (
        compose_rules.wrong_images,
        put("krakend", "image", value="krakend:2.13"),
        "krakend: krakend:2.13 names no exact version",
    ),
    (compose_rules.wrong_images, put("worker", "image", value="gatebench:9.9.9"), "worker: is built as 9.9.9"),
    (
        compose_rules.wrong_health,
        put("redis", "healthcheck", value=None),
        "redis: has no health check and does not say why",
    ),
    (compose_rules.wrong_health, put("redis", "healthcheck", value=None), "tensorzero: waits for the health of redis"),
    (
        compose_rules.wrong_health,
        put("worker", "labels", value=None),
        "worker: has no health check and does not say why",
    ),
    (
        compose_rules.wrong_health,
        put("traefik", "healthcheck", "test", value=["CMD", "wget", "http://127.0.0.1:8079/ping"]),
        "traefik: its health check asks port 8079",
    ),
    (
        compose_rules.wrong_health,
        put("provider-a", "profiles", value=["kong"]),
        "litellm: waits for provider-a, which is not of",
    ),
    (
        compose_rules.wrong_places,
        command_with("toxiproxy", "127.0.0.1", "0.0.0.0"),
        "toxiproxy: listens on 0.0.0.0, port 8474",
    ),
    (compose_rules.wrong_places, command_with("toxiproxy", "-host=127.0.0.1", ""), "toxiproxy: listens on everywhere"),
    (compose_rules.wrong_places, command_with("redis", "127.0.0.1", "10.0.0.1"), "redis: listens on 10.0.0.1"),
    (
        compose_rules.wrong_places,
        command_with("prometheus", "127.0.0.1:9090", ":9090"),
        "prometheus: listens on everywhere",
    ),
    (
        compose_rules.wrong_places,
        put("kong", "environment", "KONG_ADMIN_LISTEN", value="0.0.0.0:8001"),
        "kong: listens on 0.0.0.0, port 8001",
    ),
    (
        compose_rules.wrong_places,
        put("kong", "environment", "KONG_ADMIN_LISTEN", value=None),
        "kong: listens on everywhere",
    ),
    (
        compose_rules.wrong_places,
        put("tensorzero-clickhouse", "ports", value=["8123:8123"]),
        "tensorzero-clickhouse: listens on everywhere, port 8123",
    ),
    (
        compose_rules.wrong_places,
        put("tensorzero-clickhouse", "ports", value=["127.0.0.1:9090:8123"]),
        "tensorzero-clickhouse: port 9090 belongs to prometheus",
    ),
    (
        compose_rules.wrong_places,
        put("redis", "network_mode", value="bridge"),
        "redis: has a network of its own and publishes nothing",
    ),
    (
        compose_rules.wrong_places,
        put("redis", "ports", value=["127.0.0.1:6379:6379"]),
        "redis: publishes ports and has the host's",
    ),
    (compose_rules.wrong_places, command_with("redis", "6379", "9090"), "belongs to"),
    (
        compose_rules.wrong_places,
        command_with("redis", "6379", "5557"),
        "redis: port 5557 belongs to bench run, for load workers",
    ),
    (compose_rules.wrong_confinement, put("apisix", "security_opt", value=None), "apisix: may gain privileges"),
    (compose_rules.wrong_confinement, put("apisix", "mem_limit", value=None), "apisix: has no limit of memory"),
    (compose_rules.wrong_confinement, put("apisix", "privileged", value=True), "apisix: has more rights than it needs"),
    (
        compose_rules.wrong_confinement,
        put("apisix", "volumes", value=["/var/run/docker.sock:/var/run/docker.sock"]),
        "apisix: has more rights than it needs",
    ),
]


@pytest.mark.parametrize(("rule", "breaks", "said"), BROKEN, ids=[said for _, _, said in BROKEN])
def test_a_broken_compose_file_is_noticed(
    rule: Callable[[dict[str, Any]], list[str]], breaks: Callable[[dict[str, Any]], None], said: str
) -> None:
    """One change each, and the sentence that it is answered with."""
    services = copy.deepcopy(SERVICES)
    breaks(services)
    assert any(said in problem for problem in rule(services)), rule(services)


def test_a_service_that_nobody_can_read_is_no_pass() -> None:
    """Who adds a service says where it listens."""
    with pytest.raises(KeyError, match="bifrost"):
        compose_rules.wrong_places({**SERVICES, "bifrost": {"image": "x:1.2.3"}})


LISTENING_FILES = [
    ("apisix", "ip: 127.0.0.1", "ip: 0.0.0.0", "apisix: listens on 0.0.0.0, port 9080"),
    ("apisix", "    enable: false", "    enable: true", "apisix: listens on everywhere, port 9443"),
    ("apisix", "enable_control: false", "enable_control: true", "apisix: port 9090 belongs to prometheus"),
    ("traefik", '"127.0.0.1:8080"', '":8080"', "traefik: listens on everywhere, port 8080"),
    ("krakend", '"listen_ip": "127.0.0.1",\n', "", "krakend: listens on everywhere, port 8081"),
    ("tensorzero", 'bind_address = "127.0.0.1', 'bind_address = "0.0.0.0', "tensorzero: listens on 0.0.0.0"),
    ("provider-a", '"host": "127.0.0.1"', '"host": "0.0.0.0"', "provider-a: listens on 0.0.0.0"),
]


@pytest.mark.parametrize(
    ("service", "before", "after", "said"), LISTENING_FILES, ids=[said for *_, said in LISTENING_FILES]
)
def test_a_configuration_file_that_opens_a_port_is_noticed(
    service: str, before: str, after: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a service listens is read from the file that it is given."""
    real = composed.mounted
    assert any(before in text for text in real(SERVICES[service]).values())

    def changed(one: composed.Service) -> dict[str, str]:
        return {place: text.replace(before, after) for place, text in real(one).items()}

    monkeypatch.setattr(composed, "mounted", changed)
    assert any(said in problem for problem in compose_rules.wrong_places(SERVICES)), compose_rules.wrong_places(
        SERVICES
    )


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("${LITELLM_DB_PASSWORD:-}", "${LITELLM_DB_PASSWORD:-litellm}", "LITELLM_DB_PASSWORD has a default"),
        ("LITELLM_MASTER_KEY:\n", "LITELLM_MASTER_KEY: sk-1234\n", "litellm: LITELLM_MASTER_KEY is written down"),
        (
            "CLICKHOUSE_PASSWORD: ${TENSORZERO_CLICKHOUSE_PASSWORD:-}",
            "CLICKHOUSE_PASSWORD: x",
            "CLICKHOUSE_PASSWORD is written",
        ),
    ],
)
def test_a_secret_that_is_written_down_is_noticed(before: str, after: str, said: str) -> None:
    """As a default, or as a value."""
    text = TEXT.replace(before, after)
    assert text != TEXT
    assert any(said in problem for problem in compose_rules.wrong_secrets(text, yaml.safe_load(text)["services"]))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("| `redis` | 6379 |", "| `redis` | 6380 |", "redis: the page has ports {6380}, the file {6379}"),
        ("| `redis` | 6379 |", "| redis | 6379 |", "redis: the page has ports None"),
        ("| `GATEBENCH_SCRAPE` |", "| GATEBENCH_SCRAPE |", "GATEBENCH_SCRAPE: is in the page or in the file"),
        ("| `GATEBENCH_JOIN` |", "| `GATEBENCH_JOINS` |", "GATEBENCH_JOINS: is in the page or in the file"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8999", "port 8999 is in the page and belongs to nobody"),
        ("--profile litellm", "--profile lite", "profile lite is in the page and not in the file"),
        ("`providers`", "providers", "profile providers is not in the page"),
    ],
)
def test_a_page_that_says_something_else_is_noticed(before: str, after: str, said: str) -> None:
    """Ports, variables and profiles."""
    page = PAGE.replace(before, after)
    assert page != PAGE
    assert any(said in problem for problem in compose_rules.wrong_page(page, TEXT, SERVICES))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("kong:3.9.1", "kong:3.9.0", "kong: the target does not start kong:3.9.1"),
        (
            "--env=KONG_DATABASE=off",
            "--env=KONG_DATABASE=postgres",
            "KONG_DATABASE is postgres in the target, off in the file",
        ),
        ("--env=KONG_ANONYMOUS_REPORTS=off", "--rm", "kong: KONG_ANONYMOUS_REPORTS is set by one of both"),
        (
            "/etc/kong/kong.yml:ro",
            "/kong.yml:ro",
            "kong: sees ['/etc/kong/kong.yml'], and started by the target ['/kong.yml']",
        ),
    ],
)
def test_a_target_that_differs_from_its_service_is_noticed(before: str, after: str, said: str) -> None:
    """Image, variables, files."""
    argv = [
        after if part == before else part.replace(before, after) if before.startswith("/") else part
        for part in COMMANDS["kong"]
    ]
    assert argv != COMMANDS["kong"]
    assert any(said in problem for problem in compose_rules.wrong_twins(SERVICES, {"kong": argv}))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("job_name: kong", "job_name: tyk", "tyk: is a job and no service"),
        ("127.0.0.1:8100", "127.0.0.1:8101", "kong: 127.0.0.1:8101 is no place where it listens"),
        ("127.0.0.1:8474", "127.0.0.1:9001", "toxiproxy: 127.0.0.1:9001 is no place"),
        ("/etc/prometheus/scrape/", "/etc/elsewhere/", "host: /etc/elsewhere/*.json is not in the container"),
        ("job_name: kong", "job_name: provider-a", "provider-a: a provider has no metrics"),
    ],
)
def test_a_job_that_matches_no_service_is_noticed(before: str, after: str, said: str) -> None:
    """Names, ports, files."""
    text = (ROOT / "docs" / "compose" / "prometheus.yml").read_text().replace(before, after)
    assert any(said in problem for problem in compose_rules.wrong_scrapes(yaml.safe_load(text), SERVICES))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("refgate_attempts_total", "refgate_tries_total", "nobody exports refgate_tries_total"),
        ("refgate_request_seconds_bucket", "refgate_request_seconds", "nobody exports refgate_request_seconds"),
        ("gatebench_in_flight", "gatebench_inflight", "nobody exports gatebench_inflight"),
        ("toxiproxy_proxy_received_bytes_total", "toxiproxy_bytes", "nobody exports toxiproxy_bytes"),
        ("${datasource}", "prometheus-1", "its data source is fixed"),
        ('"id": 3,', '"id": 2,', "two panels have the number 2"),
        ('"type": "datasource"', '"type": "custom"', "the data source is not a variable"),
    ],
)
def test_a_dashboard_that_asks_for_nothing_real_is_noticed(before: str, after: str, said: str) -> None:
    """Series, data source, numbers."""
    text = json.dumps(DASHBOARD)
    assert before in text
    assert any(
        said in problem for problem in compose_rules.wrong_dashboard(json.loads(text.replace(before, after)), known())
    )


def test_series_are_found_in_queries() -> None:
    """Functions, labels, windows and strings are none."""
    query = '1 - sum by (a) (rate(x_total{o="ok_y"}[5s])) / on (b) group_left (c) max_over_time(z[$__rate_interval]) > bool 0'
    assert compose_rules.metric_names(query) == {"x_total", "z"}
    assert compose_rules.metric_names("histogram_quantile(0.5, sum by (le) (rate(h_bucket[1m])))") == {"h_bucket"}


def test_series_come_from_the_code() -> None:
    """Of the reference gateway and of the engine, histograms written out."""
    assert {"refgate_requests_total", "refgate_request_seconds_bucket", "gatebench_toxic_effects_total"} <= known()
    assert "refgate_request_seconds" not in known()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("python:3.11.14-slim-bookworm", "python:3.11-slim", "python:3.11-slim names no exact version"),
        ("USER 10001:10001\n", "", "it runs as root"),
        ("USER 10001:10001", "USER root", "it runs as root"),
        ("USER 10001:10001", "USER 0:0", "it runs as root"),
        ("COPY src src", "ADD https://example.org/src.tar /src", "ADD https://example.org/src.tar"),
        ("COPY src src", "RUN curl -o x example.org", "fetches by URL"),
        ("COPY src src", "COPY . .", "COPY .: takes everything"),
        ("-r dependencies.txt", "-r requirements.lock", "the lock holds developers' packages too"),
        ('ENTRYPOINT ["bench"]', 'ENTRYPOINT ["sh"]', "its program is not bench"),
        ("WORKDIR /src", "ENV GATEBENCH_JOIN_TOKEN=x", "a secret stays in the image"),
    ],
)
def test_a_careless_dockerfile_is_noticed(before: str, after: str, said: str) -> None:
    """One change each."""
    changed = DOCKERFILE.replace(before, after)
    assert changed != DOCKERFILE
    assert any(said in problem for problem in compose_rules.wrong_dockerfile(changed))


def test_one_stage_is_noticed() -> None:
    """What builds is not what is shipped."""
    assert "there is one stage: what builds is shipped" in compose_rules.wrong_dockerfile(
        DOCKERFILE.partition("\nFROM")[0]
    )


def test_the_image_gets_what_it_copies_and_nothing_else() -> None:
    """Everything is ignored but the sources of COPY, each of which is there."""
    copied = {
        source
        for word, rest in compose_rules.instructions(DOCKERFILE)
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    lines = [line for line in IGNORED.splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == copied
    assert all((ROOT / source).exists() for source in copied)


def test_the_lock_becomes_constraints() -> None:
    """What the Dockerfile's sed makes of it: every package that is locked, with its marker where it has one, without hashes."""
    found = re.search(r"sed -n '[^']+' requirements\.lock", DOCKERFILE)
    assert found
    lock = (ROOT / "requirements.lock").read_text()
    made = subprocess.run(
        shlex.split(found[0]), cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    locked = [line.rstrip(" \\") for line in lock.splitlines() if re.match(r"[A-Za-z0-9]", line)]
    assert made == locked
    assert len(made) > 100
    assert any(line.startswith("numpy==") and "python_full_version" in line for line in made)


# ---- the gateways' files


@pytest.mark.parametrize("file", sorted(composed.standing_files()))
def test_what_stands_is_what_a_run_would_render(file: str) -> None:
    """python -m tests.composed makes them anew."""
    assert (ROOT / "docs" / "compose" / file).read_text() == composed.standing_files()[file]


LIMITS: list[dict[str, Any]] = [{}, {"limit_rate": 10, "limit_period": "1s", "limit_burst": 20, "retries": 2}]


@pytest.mark.parametrize("limits", LIMITS, ids=["unlimited", "limited"])
@pytest.mark.parametrize("providers", [1, 2, 3])
@pytest.mark.parametrize("profile", ["default", "tuned"])
@pytest.mark.parametrize("name", TARGETS)
def test_every_template_is_what_its_gateway_reads(
    name: str, profile: str, providers: int, limits: dict[str, Any]
) -> None:
    """YAML or JSON, with every provider in it, in each profile."""
    definition = Content(ROOT).target(name).definition
    places = [(f"provider-{letter}", 9001 + number) for number, letter in enumerate("abc"[:providers])]
    settings = {key: value for key, value in limits.items() if key in definition.settings}
    made = composed.files(name, profile=profile, providers=places, settings=settings)
    parsed = {to: json.loads(text) if to.endswith(".json") else yaml.safe_load(text) for to, text in made.items()}
    everything = "".join(made.values())
    assert all(str(port) in everything for _, port in places)
    assert READERS[name](parsed) == ([port for _, port in places], bool(limits))


def _kong(parsed: dict[str, Any]) -> tuple[list[int], bool]:
    config = parsed["kong.yml"]
    targets = config["upstreams"][0]["targets"]
    assert [one["weight"] for one in targets] == [1000, *([1] * (len(targets) - 1))]
    plugins = config["services"][0].get("plugins", [])
    assert not plugins or plugins[0]["config"]["second"] == 10
    return [int(one["target"].rpartition(":")[2]) for one in targets], bool(plugins)


def _apisix(parsed: dict[str, Any]) -> tuple[list[int], bool]:
    config = parsed["apisix.yaml"]
    nodes = config["upstreams"][0]["nodes"]
    assert [node["priority"] for node in nodes] == [0, -1, -2][: len(nodes)]
    limit = config["routes"][0]["plugins"].get("limit-req")
    assert not limit or (limit["rate"], limit["burst"]) == (10, 19)
    return [node["port"] for node in nodes], bool(limit)


def _traefik(parsed: dict[str, Any]) -> tuple[list[int], bool]:
    http = parsed["routes.yml"]["http"]
    services = http["services"]
    order, name = [], http["routers"]["all"]["service"]
    while name:  # along the chain, as a request that fails everywhere goes
        failover = services[name].get("failover")
        server = services[failover["service"] if failover else name]["loadBalancer"]["servers"][0]
        order.append(int(server["url"].rpartition(":")[2]))
        name = failover["fallback"] if failover else None
    limit = http.get("middlewares", {}).get("limit")
    assert set(http["routers"]["all"].get("middlewares", [])) == set(http.get("middlewares", {}))
    assert all(list(one) in (["rateLimit"], ["retry"]) for one in http.get("middlewares", {}).values())
    return order, bool(limit)


def _krakend(parsed: dict[str, Any]) -> tuple[list[int], bool]:
    config = parsed["krakend.json"]
    hosts = {json.dumps(backend["host"]) for endpoint in config["endpoints"] for backend in endpoint["backend"]}
    limited = ["qos/ratelimit/router" in endpoint.get("extra_config", {}) for endpoint in config["endpoints"]]
    assert len(hosts) == 1 and len(set(limited)) == 1
    return [int(host.rpartition(":")[2]) for host in json.loads(hosts.pop())], limited[0]


READERS = {"kong": _kong, "apisix": _apisix, "traefik": _traefik, "krakend": _krakend}


def test_apisix_says_that_its_file_is_whole() -> None:
    """Its last line is #END, without which APISIX reads nothing."""
    assert composed.files("apisix")["apisix.yaml"].splitlines()[-1] == "#END"


def test_a_period_that_kong_does_not_have_is_refused() -> None:
    """Kong counts by the second, minute, hour and day."""
    with pytest.raises(ConfigurationError, match="does not render"):
        composed.files("kong", settings={"limit_rate": 10, "limit_period": "10s"})


@pytest.mark.parametrize("name", TARGETS)
def test_a_container_target_is_confined_and_fetches_nothing(name: str) -> None:
    """It listens on the host's loopback, ends with its command, and can do little else."""
    argv = COMMANDS[name]
    assert argv[:2] == ["docker", "run"]
    wanted = {
        "--rm",
        "--init",
        "--pull=never",
        "--network=host",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--label=gatebench",
    }
    assert wanted <= set(argv)
    assert all(part.endswith(":ro") for part in argv if part.startswith("--volume="))
    assert "0.0.0.0" not in " ".join(argv)
    definition = Content(ROOT).target(name).definition
    assert "not run on the machine this was developed on" in definition.description
    assert SERVICES[name]["image"] in definition.requires[0].cure
    pattern = composed.rendering(name).text(definition.version.command[2]) if definition.version else ""
    found = re.findall(pattern, (ROOT / "targets" / name / "target.toml").read_text())
    assert set(found) == {SERVICES[name]["image"].rpartition("/")[2].removesuffix("-debian")}


@pytest.mark.parametrize("profile", ["default", "tuned"])
@pytest.mark.parametrize("name", TARGETS)
def test_a_container_target_is_rehearsed(name: str, profile: str) -> None:
    """As `bench check` and `--dry-run` do."""
    loaded = Content(ROOT).target(name)
    settings = {**loaded.definition.settings, **loaded.definition.profiles[profile].settings}
    plan = TargetPlan(
        name=name,
        profile=profile,
        folder=str(loaded.folder),
        own_folder=str(loaded.own),
        definition=loaded.definition,
        settings=settings,
    )
    assert rehearse(plan, ["provider-a", "provider-b"]) == []


# ---- the provider's script, and what is written down elsewhere


def test_the_environment_becomes_a_providers_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process gets a file that it accepts, readable by its owner alone, and the token is in no environment any more."""
    became: list[Path] = []
    monkeypatch.setattr(os, "execv", lambda _, argv: became.append(Path(argv[-1])))
    for name, value in {
        "PROVIDER_NAME": "provider-a",
        "PROVIDER_PORT": "9001",
        "GATEBENCH_ADMIN_TOKEN": "0123456789abcdef",
    }.items():
        monkeypatch.setenv(name, value)
    runpy.run_path(str(ROOT / "docs" / "compose" / "provider.py"), run_name="__main__")
    config = ProviderConfig.read(became[0])
    assert (config.name, config.host, config.port, config.admin_token) == (
        "provider-a",
        "127.0.0.1",
        9001,
        "0123456789abcdef",
    )
    assert became[0].stat().st_mode & 0o077 == 0
    assert "GATEBENCH_ADMIN_TOKEN" not in os.environ
    became[0].unlink()


@pytest.mark.parametrize("token", [None, "", "short"])
def test_a_provider_without_a_token_says_so(
    token: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, in a sentence."""
    monkeypatch.delenv("GATEBENCH_ADMIN_TOKEN", raising=False)
    if token is not None:
        monkeypatch.setenv("GATEBENCH_ADMIN_TOKEN", token)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "docs" / "compose" / "provider.py"), run_name="__main__")
    assert ended.value.code == 2
    assert "Set it in the environment" in capsys.readouterr().err


def test_no_host_of_a_package_registry_is_written_down() -> None:
    """Images have public names; packages come from wherever the builder's pip looks."""
    folders = [ROOT / "docs" / "compose", *(ROOT / "targets" / name for name in TARGETS)]
    texts = [
        file.read_text()
        for folder in folders
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    ]
    assert compose_rules.foreign_hosts([TEXT, PAGE, *texts]) == set()
    registry = ".".join(("pypi", "org"))
    assert compose_rules.foreign_hosts([f"pip install -i https://{registry}/simple"]) == {registry}


def test_the_files_of_the_host_are_what_prometheus_reads() -> None:
    """A list of targets with a job, each at a port that the harness has."""
    for file in (ROOT / "docs" / "compose" / "scrape").glob("*.json"):
        for one in json.loads(file.read_text()):
            assert one["labels"]["job"]
            assert {int(target.rpartition(":")[2]) for target in one["targets"]} <= set(composed.HARNESS)
