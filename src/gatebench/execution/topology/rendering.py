"""Renders a target's commands, environment and files: Jinja templates over the addresses and settings of this run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jinja2

from gatebench.errors import ConfigurationError, Problem
from gatebench.plan import TargetPlan
from gatebench.traffic import Traffic
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

    def file(self, template: str) -> str:
        """Render one template file of the target's folder."""
        return self._try(template, lambda: self._environment.get_template(template).render(self._values))

    def files(self, directory: Path) -> str | None:
        """Write every [[render]] file into `directory`; returns the digest of what was written, None when nothing was."""
        digest = hashlib.sha256()
        for render in self._definition.render:
            text = self.file(render.template)
            path = directory / render.to
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            digest.update(f"{render.to}\0{text}\0".encode())
        return digest.hexdigest()[:16] if self._definition.render else None

    def headers(self) -> dict[str, str]:
        """Render the headers that clients are to send, each on one line: line ends and the blanks around them go."""

        def value(template: str) -> str:
            text = "".join(line.strip() for line in self.text(template).splitlines())
            return text.encode("latin-1").decode("latin-1")  # what a header carries

        return {
            name: self._try(template, partial(value, template)) for name, template in self._definition.headers.items()
        }

    def _try(self, what: str, make: Callable[[], object]) -> str:
        try:
            return str(make())
        except Exception as error:  # a template may raise anything
            where = f"targets/{self._name}/target.toml"
            problem = Problem(
                where, f'"{what}" does not render: {error}.', "See targets/README.md for the names it may use."
            )
            raise ConfigurationError([problem]) from None


def rehearse(target: TargetPlan, providers: Sequence[str]) -> list[Problem]:
    """Return what is wrong with the templates of a target, by rendering them all with invented addresses."""
    if target.definition is None or target.folder is None:
        return []
    invented = [{"name": name, "host": "127.0.0.1", "port": 1, "url": "http://127.0.0.1:1"} for name in providers]
    definition = target.definition
    stores = definition.store
    values = {
        "dir": "/tmp/run",  # noqa: S108 - invented
        "folder": target.folder,
        "here": target.own_folder,
        "installed": target.installed,
        "python": "python3",
        "host": "127.0.0.1",
        "port": 1,
    }
    rendering = Rendering(
        target,
        {
            **values,
            "providers": invented,
            "stores": {store.name: {"host": "127.0.0.1", "port": 1, "url": "redis://127.0.0.1:1"} for store in stores},
            "ports": {store.process: 1 for store in stores},
            "settings": target.settings,
            "tenants": [{"name": "tenant-0", "key": "key", "tier": ""}],
            "workers": 1,
            "deadline_s": 1.0,
        },
    )
    texts = [part for process in definition.process for part in (*process.command, *process.env.values())]
    texts += definition.version.command if definition.version else ()
    problems = [*_complaints(rendering.headers)]
    for text in texts:
        problems += _complaints(partial(rendering.text, text))
    for render in definition.render:
        problems += _complaints(partial(rendering.file, render.template))
    return problems


def named_for(target: TargetPlan, traffic: Traffic, problems: list[Problem]) -> Traffic:
    """Return the traffic with its models called what the target calls them; a template that does not render is a problem."""
    if target.definition is None or target.definition.model is None:
        return traffic
    routes = []
    for route in traffic.routes:
        rendering = Rendering(target, {"model": route.model, "settings": target.settings})
        try:
            routes.append(route.model_copy(update={"model": rendering.text(target.definition.model)}))
        except ConfigurationError as error:
            problems.extend(error.problems)
            break
    return traffic.model_copy(update={"routes": tuple(routes)})


def _complaints(make: Callable[[], object]) -> tuple[Problem, ...]:
    try:
        make()
    except ConfigurationError as error:
        return error.problems
    return ()
