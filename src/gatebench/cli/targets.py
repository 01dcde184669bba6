"""`bench targets`: what each target needs, and putting that into an environment of its own."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gatebench.cli import completing
from gatebench.errors import ConfigurationError, EnvironmentFailure, Problem

if TYPE_CHECKING:
    from gatebench.content import Content, LoadedTarget
    from gatebench.environments import TargetEnvironment

targets = typer.Typer(no_args_is_help=True, help="See what targets need; install them, each into a place of its own.")

_NAMES = typer.Argument(metavar="NAME", help="Targets, or `all`.", autocompletion=completing.targets)
_JSON = typer.Option("--json", help="Print one JSON document on stdout.")
_QUIET = typer.Option("--quiet", "-q", help="No progress on stderr.")
_LINE = 70


@targets.command("list")
def list_(as_json: Annotated[bool, _JSON] = False) -> None:
    """List the targets: which are ready, and what the others lack.

    bench targets list
    """
    from rich.markup import escape
    from rich.table import Table

    from gatebench.cli import say
    from gatebench.content import Content

    content = Content()
    rows = []
    for name in content.target_names():
        try:
            rows.append(_state(content.target(name)))
        except ConfigurationError as error:
            sentences = " ".join(str(problem) for problem in error.problems)
            rows.append({"name": name, "ready": False, "is": sentences, "lacks": ["a target.toml that can be read"]})
    if as_json:
        sys.stdout.write(json.dumps({"schema": "gatebench.targets/1", "targets": rows}) + "\n")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for row in rows:
        lacks = f" [yellow]{escape(' '.join(row['lacks']))}[/yellow]" if row["lacks"] else ""
        mark = "[green]✓[/green]" if row["ready"] else "[dim]–[/dim]"
        table.add_row(mark, row["name"], f"{escape(row['is'])}{lacks}")
    say.out().print(table)


@targets.command("install")
def install(
    names: Annotated[list[str], _NAMES],
    as_json: Annotated[bool, _JSON] = False,
    quiet: Annotated[bool, _QUIET] = False,
) -> None:
    """Install what targets need into the user's cache directory; harmless where it is there.

    bench targets install envoy
    """
    from gatebench.execution.installing import install as put

    def one(environment: TargetEnvironment) -> str:
        began = time.monotonic()
        with _progress(environment, quiet=quiet) as tell:
            fresh = put(environment, tell)
        if not fresh:
            return f"was there already: {environment.path}"
        return f"installed in {time.monotonic() - began:.0f} s, {environment.size_bytes() / 1e6:.0f} MB: {environment.path}"

    _each(names, "install", one, as_json=as_json)


@targets.command("remove")
def remove(names: Annotated[list[str], _NAMES], as_json: Annotated[bool, _JSON] = False) -> None:
    """Take away what `bench targets install` made.

    bench targets remove envoy
    """
    from gatebench.execution.installing import remove as take_away

    def one(environment: TargetEnvironment) -> str:
        return "removed" if take_away(environment, lambda _: None) else "was not installed"

    _each(names, "remove", one, as_json=as_json)


@targets.command("probe")
def probe(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|URL",
            help="NAME, NAME:PROFILE, http://HOST:PORT or up:NAME.",
            autocompletion=completing.targets,
        ),
    ],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of the target, as in `bench run`.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Send a header; VALUE may be env:VARIABLE or @FILE.")
    ] = None,
    metrics: Annotated[str | None, typer.Option(metavar="PATH", help="Where its Prometheus metrics are.")] = None,
    model: Annotated[str, typer.Option(help="The model that requests name.")] = "gatebench-small",
    allow_remote: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="Allow the requests to leave this machine for HOST.")
    ] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Ask a gateway about a hundred requests and say what it passes on: ids, stamps, streams; and whether it caches, limits, fails over.

    bench targets probe nginx

    bench targets probe http://127.0.0.1:8080 --header authorization=env:GATEWAY_KEY
    """
    from gatebench.cli.probing import Wish, look_at

    wish = Wish(name, tuple(settings or ()), tuple(header or ()), metrics, model, tuple(allow_remote or ()))
    raise typer.Exit(look_at(wish, as_json=as_json))


def _state(target: LoadedTarget) -> dict[str, Any]:
    """Return what a target is and what it lacks, in sentences."""
    from gatebench.environments import environment_of, lacking

    definition = target.definition
    lacks = [
        f"{one.what[:1].upper()}{one.what[1:]} {one.cure}" for one in lacking(definition, target.folder, target.own)
    ]
    environment = environment_of(definition, target.folder, target.own)
    return {
        "name": target.name,
        "ready": not lacks,
        "is": definition.description,
        "lacks": lacks,
        "environment": str(environment.path) if environment and environment.is_there else None,
    }


def _each(names: list[str], verb: str, do: Callable[[TargetEnvironment], str], *, as_json: bool) -> None:
    """Do it for every target, the others too when one fails; ends with 5 when one did."""
    from rich.markup import escape

    from gatebench.cli import say
    from gatebench.content import Content
    from gatebench.environments import environment_of
    from gatebench.experiment.making import heeding_signals

    chosen = _chosen(names, Content(), verb)
    failed, rows = False, []
    for target in chosen:
        environment = environment_of(target.definition, target.folder, target.own)
        found = "needs no environment of its own"
        try:
            if environment is not None:
                with heeding_signals():
                    found = do(environment)
            lacks = " ".join(_state(target)["lacks"]) if verb == "install" else ""
            if lacks:
                raise EnvironmentFailure(f"{target.name} is not ready: {lacks}")
            rows.append({"name": target.name, "ok": True, "found": found})
            if not as_json:
                say.out().print(f"[bold]{escape(target.name)}[/bold]  {escape(found)}", soft_wrap=True)
        except (EnvironmentFailure, OSError) as caught:
            error = (
                caught if isinstance(caught, EnvironmentFailure) else EnvironmentFailure(f"{target.name}: {caught}.")
            )
            failed = True
            rows.append({"name": target.name, "ok": False, "found": error.what, "log": list(error.log_tail)})
            say.failure(error)
    if as_json:
        sys.stdout.write(json.dumps({"schema": "gatebench.targets/1", "exit_code": 5 * failed, "targets": rows}) + "\n")
    if failed:
        raise typer.Exit(5)


def _chosen(names: list[str], content: Content, verb: str) -> list[LoadedTarget]:
    """Return the targets of these names, every one that is unknown refused at once."""
    from gatebench.cli import say

    wanted = [one for name in names for one in name.split(",") if one]
    if "all" in wanted:
        wanted = content.target_names()
    problems: list[Problem] = []
    found = []
    for name in dict.fromkeys(wanted):
        try:
            found.append(content.target(name.partition(":")[0]))
        except ConfigurationError as error:
            problems += error.problems
    if not wanted:
        problems.append(Problem("NAME", f"names no target to {verb}.", "See `bench targets list`."))
    if problems:
        say.problems(problems)
        raise typer.Exit(2)
    return found


@contextlib.contextmanager
def _progress(environment: TargetEnvironment, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Yield what to tell each line of an installer: the last one shows on a terminal, and none in a log."""
    from rich.markup import escape

    from gatebench.cli import say

    console = say.err()
    if quiet:
        yield lambda _: None
    elif console.is_terminal:
        with console.status(f"{environment.name}: {environment.install.disk_mb} MB") as status:
            yield lambda line: status.update(f"{escape(environment.name)}: [dim]{escape(line[:_LINE])}[/dim]")
    else:
        console.print(f"{environment.name}: installing, about {environment.install.disk_mb} MB", markup=False)
        yield lambda _: None
