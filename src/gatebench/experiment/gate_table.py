"""What a workspace says of its gates: `[tool.gatebench.gate]` in its pyproject.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gatebench.content import sentences
from gatebench.errors import Problem

WHERE = "pyproject.toml [tool.gatebench.gate]"


class GateTable(BaseModel):
    """The table, every key optional; what the command line says goes over it. `tolerances`: METRIC or METRIC@PHASE = "5%"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scenario: str | None = None
    target: str | None = None
    baseline_target: str | None = Field(default=None, alias="baseline-target")
    base_version: str | None = Field(default=None, alias="base-version")
    pairs: int | None = None
    tolerances: dict[str, str | float] = Field(default_factory=dict)

    def terms(self) -> list[str]:
        """Return the tolerances as they are written on the command line."""
        return [f"{metric}={amount}" for metric, amount in self.tolerances.items()]


def read_table(workspace: Path, problems: list[Problem]) -> GateTable:
    """Return the workspace's table, an empty one where it has none; what is wrong with it goes to `problems`."""
    path = workspace / "pyproject.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return GateTable()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(Problem("pyproject.toml", f"cannot be read: {error}.", "Correct the file."))
        return GateTable()
    table = document.get("tool", {}).get("gatebench", {}).get("gate", {})
    try:
        return GateTable.model_validate(table)
    except ValidationError as error:
        problems.extend(sentences(error, WHERE))
        return GateTable()
