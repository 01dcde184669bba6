"""Log lines as JSON on stderr: what changes and what fails, never headers or bodies."""

from __future__ import annotations

import json
import logging
import time

logger = logging.getLogger("refgate")


class _JsonLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


def write_to_stderr() -> None:
    """Send the log lines of the gateway, and the warnings of its libraries, to stderr."""
    lines = logging.StreamHandler()
    lines.setFormatter(_JsonLine())
    logging.basicConfig(level=logging.WARNING, handlers=[lines])
    logger.setLevel(logging.INFO)


def note(level: int, event: str, **facts: object) -> None:
    """Write one line: what happened, and the facts that belong to it."""
    logger.log(level, event, extra={"facts": facts})
