"""`bench worker`: lend this machine to a run on another one, as a load worker."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from gatebench.errors import EnvironmentFailure, Interrupted, Problem


def worker(
    join: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where the run listens, as bench run printed it.")],
    header: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="The headers that the run sends, here from env:VARIABLE or @FILE: keys never cross the network.",
        ),
    ] = None,
    allow_remote: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Allow this worker to send load to HOST; otherwise only to this machine."),
    ] = None,
    within: Annotated[str, typer.Option(help="How long to knock before giving up.")] = "2m",
    stay: Annotated[bool, typer.Option("--stay", help="Wait for the next run when one is over, until Ctrl-C.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Send a share of another machine's run from here, and hand every row over to it.

    GATEBENCH_JOIN_TOKEN=… bench worker --join 10.9.0.1:5557 --allow-remote 10.9.0.1

    bench run prints this line. The token proves both sides to each other and never travels. When the run ends, or falls silent for
    5 s, this worker sends nothing more and ends.
    """
    from gatebench.cli import say
    from gatebench.cli.options import commas, headers
    from gatebench.execution.load.joining import TOKEN_VARIABLE
    from gatebench.units import duration_s

    problems: list[Problem] = []
    sent = headers(header or [], problems)
    host, port = _place(join, problems)
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        cure = "Copy the whole line that bench run printed."
        problems.append(Problem(TOKEN_VARIABLE, "is not set in the environment.", cure))
    try:
        within_s = duration_s(within)
    except ValueError as error:
        problems.append(Problem(f"--within {within}", f"{error}.", "Write for instance 2m."))
    if problems:
        say.problems(problems)
        raise typer.Exit(2)

    from gatebench.execution.load.joiner import Joining, Refused, leave, start_anew
    from gatebench.execution.load.joiner import join as take_part

    def tell(text: str) -> None:
        if not quiet:
            say.err().print(f"bench worker: {text}", markup=False, soft_wrap=True)

    asked = Joining(host, port, token, sent, tuple(commas(allow_remote or [])), within_s)
    code = 0
    with _told():
        try:
            take_part(asked, tell)
        except Refused as error:
            say.err().print(f"bench worker: {error}", markup=False, soft_wrap=True)
            leave(2)
        except EnvironmentFailure as error:
            say.failure(error)
            code = 5
        except Interrupted:
            leave(130)
    if stay:
        start_anew()
    leave(code)


def _place(text: str, problems: list[Problem]) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if host and port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65_536:
        return host, int(port)
    problems.append(Problem(f"--join {text}", "this is no host with a port.", "Write for instance 10.9.0.1:5557."))
    return "", 0


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """End at once on anything unforeseen too, with its traceback: other greenlets must not keep the process alive."""
    import traceback

    try:
        yield
    except Exception:
        traceback.print_exc()
        sys.stderr.write("bench worker: this is a defect of gatebench; please report it with the lines above\n")
        from gatebench.execution.load.joiner import leave

        leave(EnvironmentFailure.exit_code)
