"""A real Prometheus (Debian's package of that name) on a free port, which scrapes what it is told each second."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatebench.execution.topology.ports import free_ports

MISSING = None if shutil.which("prometheus") else "no prometheus is installed (apt-get install prometheus)"
_START_S = 30.0


@dataclass(frozen=True)
class Prometheus:
    """One that runs."""

    address: str

    @property
    def url(self) -> str:
        """Its URL."""
        return f"http://{self.address}"

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The result of an instant query."""
        asked = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{asked}", timeout=5) as answer:
            return list(json.load(answer)["data"]["result"])


@contextlib.contextmanager
def scraping(folder: Path, jobs: Mapping[str, str]) -> Iterator[Prometheus]:
    """Start one that scrapes each address under the name of its job, and end it."""
    configs = [{"job_name": name, "static_configs": [{"targets": [address]}]} for name, address in jobs.items()]
    timing = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prometheus.yml").write_text(json.dumps({"global": timing, "scrape_configs": configs}))  # YAML holds JSON
    address = f"127.0.0.1:{free_ports(1)[0]}"
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={address}"], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _START_S
        while not _is_ready(address):
            assert process.poll() is None, (folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, "Prometheus does not get ready"
            time.sleep(0.05)
        yield Prometheus(address)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
