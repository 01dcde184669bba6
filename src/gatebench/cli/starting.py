"""How a new target is started: a command of the user's, an image, or a service of a compose file."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gatebench.errors import Problem

_TEMPLATE = Path(__file__).parent / "templates" / "started" / "target.toml.txt"
_PORT, _UPSTREAM = "{{ port }}", "{{ providers[0].url }}/v1"
_DOCKER = "install Docker, https://docs.docker.com/engine/install/"
_PULLED = "120s"
_STARTED = "20s"


@dataclass(frozen=True)
class Start:
    """What was asked for; at most one of command, image and compose."""

    command: str | None
    image: str | None
    compose: str | None
    upstream_env: str
    port_env: str

    @property
    def given(self) -> bool:
        """Whether any way to start it was named."""
        return any(one is not None for one in (self.command, self.image, self.compose))

    def problems(self, kind: str) -> Iterator[Problem]:
        """Yield what is wrong with it."""
        ways = {"--command": self.command, "--image": self.image, "--compose": self.compose}
        named = {option: value for option, value in ways.items() if value is not None}
        if named and kind != "target":
            yield Problem(", ".join(named), f"says how a target starts, and this is a {kind}.", "Leave it out.")
        if len(named) > 1:
            yield Problem(", ".join(named), "are several ways to start one target.", "Give one of them.")
        if self.command is not None and not _words(self.command):
            yield Problem("--command", "holds no words that a shell could read.", 'Write "mygw --port {port}".')
        if self.image is not None and not re.search(r":[\w][\w.-]*$|@sha256:[0-9a-f]{64}$", self.image):
            cure = "Write IMAGE:TAG, so that tomorrow's run measures the same thing."
            yield Problem(f"--image {self.image}", "names no version.", cure)
        if self.compose is not None:
            file, _, service = self.compose.rpartition(":")
            if not file or not service:
                yield Problem(
                    f"--compose {self.compose}", "is not FILE:SERVICE.", "Write for instance compose.yml:gateway."
                )
            elif not Path(file).is_file():
                yield Problem(f"--compose {self.compose}", f"there is no file {file}.", "Correct its path.")
        for option, name in (("--upstream-env", self.upstream_env), ("--port-env", self.port_env)):
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                yield Problem(
                    f"{option} {name}", "cannot be the name of a variable.", "Use letters, digits and underscores."
                )

    def text(self, name: str) -> str:
        """Return target.toml."""
        import json

        import jinja2

        environment = jinja2.Environment(keep_trailing_newline=True, autoescape=False)  # noqa: S701 - not HTML
        environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
        variables = {self.upstream_env: _UPSTREAM, self.port_env: _PORT}
        words, env, program, cure, within = self._command(variables)
        return environment.from_string(_TEMPLATE.read_text()).render(
            name=name, command=words, env=env, program=program, cure=cure, within=within
        )

    def _command(self, variables: dict[str, str]) -> tuple[list[str], dict[str, str], str, str, str]:
        """Return the words of the command, its environment, the program that it needs and how to get it, and how long it may take."""
        if self.command is not None:
            words = [part.replace("{port}", _PORT).replace("{upstream}", _UPSTREAM) for part in _words(self.command)]
            return (
                words,
                variables,
                words[0] if "/" not in words[0] else "",
                "install it, and have it on PATH",
                _STARTED,
            )
        told = [part for key, value in variables.items() for part in ("--env", f"{key}={value}")]
        if self.image is not None:
            # The host's network: providers and links listen on this machine's own loopback.
            return (
                ["docker", "run", "--rm", "--init", "--network=host", *told, self.image],
                {},
                "docker",
                _DOCKER,
                _PULLED,
            )
        file, _, service = str(self.compose).rpartition(":")
        found = str(Path(file).resolve())
        run = ["docker", "compose", "--file", found, "run", "--rm", "--no-deps", *told, service]
        return run, {}, "docker", f"{_DOCKER}; the service needs network_mode: host", _PULLED


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []
