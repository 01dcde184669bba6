"""`bench new`: writes a small, commented file into your workspace that works at once, for you to change."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

TEMPLATES = Path(__file__).parent / "templates"


class Kind(StrEnum):
    """What can be made."""

    SCENARIO = "scenario"
    TARGET = "target"
    FAULT = "fault"


def new(
    kind: Annotated[Kind, typer.Argument(help="What to make.")],
    name: Annotated[str, typer.Argument(help="Its name, as in checkout-peak.")],
    command: Annotated[
        str | None,
        typer.Option(
            metavar="WORDS", help="Of a target: the command that starts it; {port} and {upstream} are filled in."
        ),
    ] = None,
    image: Annotated[str | None, typer.Option(metavar="IMAGE:TAG", help="Of a target: its container image.")] = None,
    compose: Annotated[
        str | None, typer.Option(metavar="FILE:SERVICE", help="Of a target: a service of a compose file.")
    ] = None,
    upstream_env: Annotated[
        str, typer.Option(metavar="NAME", help="The variable that tells it where its upstream is.")
    ] = "OPENAI_BASE_URL",
    port_env: Annotated[
        str, typer.Option(metavar="NAME", help="The variable that tells it on which port to listen.")
    ] = "PORT",
) -> None:
    """Write a scenario, a target or a fault into this folder, with comments, ready to run.

    bench new scenario checkout-peak

    bench new target my-gateway

    bench new target my-gateway --command "mygw --port {port} --upstream {upstream}"

    bench new target my-gateway --image ghcr.io/me/mygw:1.4 --upstream-env UPSTREAM_URL
    """
    from gatebench.cli import say
    from gatebench.cli.starting import Start
    from gatebench.content import Content
    from gatebench.errors import Problem

    content = Content()
    problems = []
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", name):
        cure = "Use small letters, digits and hyphens, beginning with a letter."
        problems.append(Problem(name, "cannot be a name here.", cure))
    start = Start(command, image, compose, upstream_env, port_env)
    problems += start.problems(kind)
    files = {f"targets/{name}/target.toml": start.text(name)} if start.given and not problems else _files(kind, name)
    problems += [
        Problem(relative, "is there already.", "Choose another name, or remove it first.")
        for relative in files
        if (content.workspace / relative).exists()
    ]
    if problems:
        say.problems(problems)
        raise typer.Exit(2)
    known = {Kind.SCENARIO: content.scenario_names, Kind.TARGET: content.target_names, Kind.FAULT: content.fault_names}
    hides = name in known[kind]()
    for relative, text in files.items():
        path = content.workspace / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        say.out().print(f"wrote {relative}", markup=False)
    if hides:
        say.out().print(f"It hides the shipped {kind} of this name.", markup=False)
    for line in _next(kind, name):
        say.out().print(line, markup=False, soft_wrap=True)


def _files(kind: Kind, name: str) -> dict[str, str]:
    """Return the files to write, by their path in the workspace."""
    if kind is Kind.SCENARIO:
        return {f"scenarios/{name.replace('-', '_')}.py": _rendered("scenario.py.txt", name)}
    if kind is Kind.FAULT:
        return {f"chaos/{name}.toml": _rendered("fault.toml.txt", name)}
    return {
        f"targets/{name}/{template.name.removesuffix('.txt')}": _rendered(f"target/{template.name}", name)
        for template in sorted((TEMPLATES / "target").glob("*.txt"))
    }


def _rendered(template: str, name: str) -> str:
    import jinja2

    source = (TEMPLATES / template).read_text()
    environment = jinja2.Environment(keep_trailing_newline=True, autoescape=False)  # noqa: S701 - not HTML
    return environment.from_string(source).render(name=name, title=name.replace("-", " ").capitalize())


def _next(kind: Kind, name: str) -> list[str]:
    if kind is Kind.SCENARIO:
        return ["next:", f"  bench run {name} --target reference --dry-run", f"  bench run {name} --target reference"]
    if kind is Kind.TARGET:
        return ["next:", f"  bench targets probe {name}", f"  bench run smoke --target {name}"]
    return ["next:", "  bench check", f'  fault("{name}", on="provider-a") in a phase of a scenario']
