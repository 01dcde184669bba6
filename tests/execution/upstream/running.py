"""A provider as a process of its own, for the tests that need the real thing."""

from __future__ import annotations

import http.client
import json
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson

from gatebench.run.stream import StreamTail

PATIENCE_S = 20.0
TOKEN = "0123456789"
RUN = "0123abcd"
FAST = {"ttft_median_ms": 0, "token_ms": 0}
VOCABULARIES = {"tenant": ["tenant-0", "tenant-1"], "provider": ["provider-a"], "fault": ["", "fault-0", "fault-1"]}
CHAT: dict[str, Any] = {
    "model": "gatebench-small",
    "messages": [{"role": "user", "content": "amber anchor apple"}],
    "max_tokens": 4,
}


def command(path: Path) -> list[str]:
    """How a provider with the configuration in `path` is started."""
    return [sys.executable, "-m", "gatebench.execution.upstream.provider", str(path)]


def write_config(folder: Path, **changes: Any) -> Path:
    """A configuration file in `folder`; port 0 lets the provider choose."""
    config = {
        "name": "provider-a",
        "port": 0,
        "admin_token": TOKEN,
        "run": RUN,
        "seed": 7,
        "latency": FAST,
        "vocabularies": VOCABULARIES,
        "stream_path": str(folder / "attempts.arrow"),
    }
    path = folder / "provider.json"
    path.write_text(json.dumps(config | changes))
    return path


class Running:
    """A started provider; leave the block and it is stopped. `port` is known as soon as it listens."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.stream_path = folder / "attempts.arrow"
        self._errors = (folder / "stderr").open("w+b")
        self.process = subprocess.Popen(
            command(write_config(folder, **changes)), stdout=subprocess.PIPE, stderr=self._errors
        )
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
        line = self.process.stdout.readline().decode() if ready else ""
        assert " listens on " in line, self.errors
        self.port = self.admin_port = int(line.rsplit(" ", 1)[1])
        if changes.get("admin_port") is not None:
            self.admin_port = int(self.process.stdout.readline().decode().rsplit(" ", 1)[1])

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._errors.close()

    @property
    def errors(self) -> str:
        """What it said on standard error."""
        self._errors.seek(0)
        return self._errors.read().decode()

    @property
    def tail(self) -> StreamTail:
        """The ledger as it is on disk."""
        return StreamTail(self.stream_path)

    @property
    def rows(self) -> list[dict[str, int]]:
        """The rows that are on disk."""
        table = self.tail.table
        return [] if table is None else list(table.to_pylist())

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE_S)

    def connect(self) -> http.client.HTTPConnection:
        """A client's connection to it."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def admin(self, method: str, path: str, body: object = None, token: str = TOKEN) -> tuple[int, dict[str, Any]]:
        """What its control API answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=PATIENCE_S)
        try:
            headers = {"x-gatebench-token": token}
            raw = None if body is None else orjson.dumps(body)
            connection.request(method, f"/__gatebench__/{path}", raw, headers)
            answer = connection.getresponse()
            return answer.status, dict(orjson.loads(answer.read()))
        finally:
            connection.close()

    def flush(self) -> None:
        """Have the rows so far written."""
        assert self.admin("POST", "flush")[0] == 200
