"""Does nothing: the path through a toxic without the toxic."""

from __future__ import annotations

from gatebench.execution.toxiproxy.stage import Stage
from gatebench.execution.toxiproxy.toxic import register

register("noop", Stage)
