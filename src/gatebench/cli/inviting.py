"""Tells whoever sits at the other machine what to type there."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gatebench import guard
from gatebench.errors import Problem

if TYPE_CHECKING:
    from gatebench.plan import Plan


def invitation(plans: Sequence[Plan], headers: Iterable[str], problems: list[Problem]) -> str | None:
    """Print the line for the other machines and return its token; None when nobody is invited.

    The token is new with each call, unless GATEBENCH_JOIN_TOKEN gives one that both sides know already; that one is not
    printed. The line goes to stderr even with --quiet: without it nobody could join.
    """
    from gatebench.cli import say
    from gatebench.execution.load.joining import SHORTEST_TOKEN, TOKEN_VARIABLE, new_token

    inviting = [plan for plan in plans if plan.load.remote_workers]
    if not inviting:
        return None
    given = os.environ.get(TOKEN_VARIABLE)
    if given is not None and len(given) < SHORTEST_TOKEN:
        cure = f"Use at least {SHORTEST_TOKEN} characters that nobody guesses, or unset it and have one made."
        problems.append(Problem(TOKEN_VARIABLE, "is too short to keep anybody out.", cure))
    if problems:
        return None
    token = given or new_token()
    load = inviting[0].load
    line = join_line(load.listen or "", None if given else token, headers, stay=len(inviting) > 1)
    console = say.err()
    machines = "another machine" if load.remote_workers == 1 else f"{load.remote_workers} other machines"
    console.print(f"On {machines}, within {load.join_within_s:g} s, type:")
    console.print(f"  {line}", markup=False, soft_wrap=True)
    return token


def join_line(listen: str, token: str | None, headers: Iterable[str], *, stay: bool) -> str:
    """Return the command for the other machine; a token of None is one that it has in its environment."""
    host = listen.rpartition(":")[0]
    words = ["bench", "worker", "--join", listen]
    if not guard.is_loopback(host):
        words += ["--allow-remote", host]
    for name in headers:
        words += ["--header", f"{name}=env:VARIABLE"]
    words += ["--stay"] if stay else []
    return " ".join([*([f"GATEBENCH_JOIN_TOKEN={token}"] if token else []), shlex.join(words)])
