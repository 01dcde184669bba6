"""Every shipped target's folder: it loads, its templates render with each profile, and what they render is accepted."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from gatebench.content import Content
from gatebench.mechanisms import MECHANISMS
from targets.reference.refgate.config import load_config
from tests.targets.fake_provider import FakeProvider
from tests.targets.starting import TARGETS, definition_of, prepare

PROFILES = [
    (folder.name, profile)
    for folder in sorted(TARGETS.iterdir())
    if (folder / "target.toml").is_file() and folder.name in ("reference", "nginx", "direct")
    for profile in sorted({"default", *definition_of(folder.name).profiles})
]


def providers() -> list[FakeProvider]:
    """Return three that nobody started: rendering needs names and ports only."""
    made = [FakeProvider(f"provider-{letter}") for letter in "abc"]
    for number, provider in enumerate(made):
        provider.port = 20_001 + number
    return made


@pytest.mark.parametrize(("name", "profile"), PROFILES)
def test_every_profile_renders(name: str, profile: str, tmp_path: Path) -> None:
    """Each template renders; a name that nobody defines would be an error (StrictUndefined)."""
    prepared = prepare(name, tmp_path, providers(), profile=profile)
    for render in prepared.definition.render:
        assert (tmp_path / render.to).read_text().strip()
    for process in prepared.definition.process:
        assert all(prepared.command(process))
        assert process.ready.path


@pytest.mark.parametrize(("name", "profile"), PROFILES)
def test_every_setting_has_an_effect(name: str, profile: str) -> None:
    """A setting that no template reads would be a promise that nobody keeps."""
    definition = definition_of(name)
    text = "".join((TARGETS / name / render.template).read_text() for render in definition.render)
    assert set(re.findall(r"settings\.(\w+)", text)) == set(definition.settings)


@pytest.mark.parametrize("profile", ["default", "tuned"])
def test_the_reference_accepts_what_is_rendered(profile: str, tmp_path: Path) -> None:
    """The rendered file is a valid configuration: providers in order, total time within the client's deadline."""
    prepare("reference", tmp_path, providers(), profile=profile, deadline_s=2.0)
    config = load_config(tmp_path / "gateway.json")
    assert [provider.name for provider in config.providers] == ["provider-a", "provider-b", "provider-c"]
    assert config.providers[2].url == "http://127.0.0.1:20003"
    assert config.timeouts.total_s == 2.0


@pytest.mark.parametrize("profile", ["default", "tuned"])
def test_nginx_accepts_what_is_rendered(profile: str, tmp_path: Path) -> None:
    """`nginx -t` is content, without a warning."""
    prepared = prepare("nginx", tmp_path, providers(), profile=profile)
    command = [*prepared.command(prepared.definition.process[0]), "-t"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert "warn" not in told.stderr


def test_nginx_times_are_rendered_in_its_units(tmp_path: Path) -> None:
    """fail_timeout takes whole seconds, rounded up and never none; all providers but the first are backups."""
    prepare("nginx", tmp_path, providers(), breaker_open="300ms", request_timeout="1.5s", retries=2)
    text = (tmp_path / "nginx.conf").read_text()
    servers = re.findall(r"server (127\.0\.0\.1:\d+ .*);", text)
    assert servers == [
        "127.0.0.1:20001 max_fails=1 fail_timeout=1s",
        "127.0.0.1:20002 max_fails=1 fail_timeout=1s backup",
        "127.0.0.1:20003 max_fails=1 fail_timeout=1s backup",
    ]
    assert "proxy_read_timeout 1500ms;" in text
    assert "proxy_next_upstream_tries 3;" in text


def test_nginx_version_is_found() -> None:
    """The declared command and pattern find a version, on whichever stream nginx prints it."""
    version = definition_of("nginx").version
    assert version is not None
    told = subprocess.run(version.command, capture_output=True, text=True, check=True)
    found = re.search(version.pattern, told.stdout + told.stderr)
    assert found is not None
    assert re.fullmatch(r"\d+\.\d+\.\d+", found[1])


def test_direct_starts_nothing() -> None:
    """Clients reach the first provider's link, and nothing stands between."""
    direct = definition_of("direct")
    assert direct.process == ()
    assert direct.entry == "provider-a"


def test_the_reference_with_a_store_can_what_the_reference_can(tmp_path: Path) -> None:
    """And limits in Redis; nothing else differs, and its file is a few lines."""
    content = Content(tmp_path)
    plain, stored = content.target("reference").definition, content.target("reference-redis").definition
    assert {*stored.capabilities} == {*plain.capabilities, "limit-redis", "cache-redis"}
    assert stored.settings == plain.settings | {"limit_store": "redis"}
    assert stored.front == plain.front == "refgate"
    assert [store.process for store in stored.store] == ["redis"]


def test_everything_the_reference_is_set_to_is_declared() -> None:
    """Every mechanism, and every role of it that the gateway has a setting for."""
    declared = definition_of("reference").declares
    assert declared.keys() == MECHANISMS.keys()
    missing = {(family, role) for family, roles in MECHANISMS.items() for role in roles if role not in declared[family]}
    assert missing == {("limiter", "rounds")}  # a sliding counter of whole numbers, which ours is not
