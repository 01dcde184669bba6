"""Real tools read what is there for containers: Docker Compose, which needs no engine for that, and hadolint."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import composed

ROOT = composed.ROOT
SERVICES: dict[str, Any] = composed.compose()["services"]
DOCKERFILE = (ROOT / "docs" / "compose" / "Dockerfile").read_text()


def docker_compose(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Call the real one: that of `scripts/compose`, or Docker's own."""
    ours = ROOT / ".tools" / "docker-compose"
    command = [str(ours)] if ours.exists() else ["docker", "compose"]
    known = ("PATH", "HOME")  # no variable of whoever tests
    environment = {name: os.environ[name] for name in known if name in os.environ}
    try:
        subprocess.run([*command, "version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("Docker Compose is not installed here; `make compose` builds it where there is Go")
    return subprocess.run(
        [*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_compose_itself_accepts_the_file() -> None:
    """`docker compose config` with every profile: what it makes of the file is what these tests read, without a word of complaint."""
    done = docker_compose("--profile", "*", "config", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    services = json.loads(done.stdout)["services"]
    assert services.keys() == SERVICES.keys()
    for name, service in services.items():
        assert service["network_mode"] == SERVICES[name]["network_mode"], name
        assert {port["host_ip"] for port in service.get("ports", ())} <= {"127.0.0.1"}, name
        assert service.get("image") == SERVICES[name].get("image")
        assert set(service.get("environment") or ()) == set(composed.environment(SERVICES[name])), name
        for mount in service.get("volumes", ()):
            assert mount["type"] != "bind" or Path(mount["source"]).exists(), (name, mount)
    asked_for = docker_compose("config", "--services")
    assert set(asked_for.stdout.split()) == {name for name, service in SERVICES.items() if "profiles" not in service}


def test_compose_itself_refuses_a_broken_file(tmp_path: Path) -> None:
    """A key that there is not, and a service that depends on nobody: the check can go red."""
    for broken in (
        "services:\n  x:\n    image: a\n    imagge: b\n",
        "services:\n  x:\n    image: a\n    depends_on: [nobody]\n",
    ):
        (tmp_path / "docker-compose.yml").write_text(broken)
        assert docker_compose("config", "--quiet", folder=tmp_path).returncode != 0


def test_hadolint_accepts_the_dockerfile() -> None:
    """No finding; in a broken one there are."""
    hadolint = shutil.which(
        "hadolint", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    )
    if hadolint is None:
        pytest.skip("hadolint is not installed here")
    for text, code in ((DOCKERFILE, 0), (DOCKERFILE.replace("USER", "#USER") + "RUN cd /tmp && sudo ls\n", 1)):
        done = subprocess.run([hadolint, "-"], input=text, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout
