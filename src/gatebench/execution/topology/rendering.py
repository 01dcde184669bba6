"""Renders a target's commands, environment and files: Jinja templates over the addresses and settings of this run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from gatebench.errors import ConfigurationError, Problem
from gatebench.plan import TargetPlan
from gatebench.units import duration_s


def _environment(folder: Path) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - configuration files, not HTML
    )
    environment.filters["seconds"] = lambda text: duration_s(str(text))
    environment.filters["ms"] = lambda text: round(duration_s(str(text)) * 1000)
    environment.filters["tojson"] = json.dumps
    return environment


class Rendering:
    """The templates of one target with the values of one run."""

    def __init__(self, target: TargetPlan, values: Mapping[str, Any]) -> None:
        assert target.definition is not None and target.folder is not None  # noqa: S101 - a URL target renders nothing
        self._definition = target.definition
        self._name = target.name
        self._environment = _environment(Path(target.folder))
        self._values = dict(values)

    def text(self, template: str) -> str:
        """Render one string of target.toml."""
        return self._try(template, lambda: self._environment.from_string(template).render(self._values))

    def files(self, directory: Path) -> str | None:
        """Write every [[render]] file into `directory`; returns the digest of what was written, None when nothing was."""
        digest = hashlib.sha256()
        for render in self._definition.render:
            text = self._try(
                render.template,
                lambda render=render: self._environment.get_template(render.template).render(self._values),
            )
            path = directory / render.to
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            digest.update(f"{render.to}\0{text}\0".encode())
        return digest.hexdigest()[:16] if self._definition.render else None

    def _try(self, what: str, make: Any) -> str:
        try:
            return str(make())
        except (jinja2.TemplateError, ValueError) as error:
            where = f"targets/{self._name}/target.toml"
            problem = Problem(
                where, f'"{what}" does not render: {error}.', "See targets/README.md for the names it may use."
            )
            raise ConfigurationError([problem]) from None
