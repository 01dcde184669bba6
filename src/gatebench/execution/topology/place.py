"""Where something listens."""

from __future__ import annotations

from dataclasses import dataclass


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
