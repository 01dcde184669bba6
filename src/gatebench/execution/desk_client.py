"""The other end of a desk: orders from a second terminal, and clearing what a dead harness may have left."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx

from gatebench.errors import EnvironmentFailure
from gatebench.execution.desk_state import DeskState, journal_path
from gatebench.execution.standing import append_private
from gatebench.execution.toxiproxy.client import Engine

_ASK_S = 120.0


def ask(state: DeskState, order: dict[str, Any], within_s: float = _ASK_S) -> dict[str, Any]:
    """Give an order to a desk and return its answer; EnvironmentFailure when the harness does not answer."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(within_s)
            sock.connect(state.socket)
            sock.sendall(json.dumps(order).encode() + b"\n")
            with sock.makefile("rb") as answer:
                return dict(json.loads(answer.readline()))
    except (OSError, ValueError) as error:
        raise EnvironmentFailure(f"{state.name} does not answer ({error}); it may be ending.") from error


def clear_by_hand(state: DeskState) -> Iterator[str]:
    """Clear what a harness that is dead or deaf has left on its engine and its providers; yields what was cleared.

    Normally that is nothing: its guardian ends everything with it. What does not answer is gone.
    """
    engine = Engine(state.engine_url, prefix=state.prefix, allow_remote=state.allow_remote)
    with contextlib.suppress(EnvironmentFailure):
        yield from clear_engine(engine)
    with httpx.Client(
        trust_env=False,
        timeout=2.0,
        verify=False,  # noqa: S501 - plain HTTP on loopback
        headers={"x-gatebench-token": state.admin_token},
    ) as client:
        for provider, urls in state.admins.items():
            for url in urls:
                with contextlib.suppress(httpx.HTTPError, ValueError, KeyError, TypeError):
                    for fault in client.get(f"{url}/__gatebench__/state").json()["faults"]:
                        client.delete(f"{url}/__gatebench__/faults/{fault['id']}").raise_for_status()
                        yield f"{fault['mechanism'].removeprefix('provider.')} on {provider}"


def clear_engine(engine: Engine) -> Iterator[str]:
    """Take every toxic off our links on an engine and bring those up that are down; yields what was cleared."""
    for link, found in engine.state().items():
        for toxic in found.toxics:
            engine.remove_toxic(link, toxic.name)
            yield f"{toxic.type} on {link}"
        if not found.enabled:
            engine.bring_up(link)
            yield f"link-down on {link}"


def noted() -> list[dict[str, Any]]:
    """Return what the journal holds, the oldest first; lines that are broken are left out."""
    found = []
    with contextlib.suppress(OSError):
        for line in journal_path().read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict) and isinstance(entry.get("at_unix"), int | float) and "did" in entry:
                    found.append(entry)
    return found


def note(what: str, **facts: Any) -> None:
    """Write into the journal what `bench chaos` did; a journal that cannot be written keeps nobody from clearing."""
    line = json.dumps({"at_unix": round(time.time(), 3), "did": what, **facts}, default=str)
    with contextlib.suppress(OSError):
        append_private(journal_path(), line + "\n")
