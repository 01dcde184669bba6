"""Faults on a Toxiproxy that somebody else runs."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from gatebench.cli.chaos_order import stop_if

if TYPE_CHECKING:
    from gatebench.errors import Problem
    from gatebench.execution.ordering import Order


def inject_there(order: Order, url: str, allow_remote: list[str], problems: list[Problem], *, as_json: bool) -> None:
    """Put a fault on a proxy of ours at a server that somebody else runs."""
    from gatebench.cli import say
    from gatebench.errors import ConfigurationError
    from gatebench.execution.desk_client import note
    from gatebench.execution.foreign import apply, engine_at
    from gatebench.execution.ordering import foreign_fault, single_fault

    there, fault = None, None
    try:
        there = engine_at(url, allow_remote)
        fault = foreign_fault(order, there, problems)
    except ConfigurationError as error:
        if there is None:
            single_fault(order, None, problems)
        problems.extend(error.problems)
    stop_if(problems, as_json=as_json)
    assert there is not None and fault is not None  # noqa: S101 - it would be a problem
    note("inject", fault=order.fault, on=order.on, lasting=order.lasting, engine=url)
    apply(fault, there, allow_remote)
    ends_unix = time.time() + (fault.end_ns - fault.start_ns) / 1e9
    if as_json:
        row = {"id": fault.id, "name": fault.name, "on": fault.on, "state": "on", "proven": None, "to_unix": ends_unix}
        sys.stdout.write(json.dumps({"schema": "gatebench.chaos/1", "faults": [row]}) + "\n")
        return
    ends = time.strftime("%H:%M:%S", time.localtime(ends_unix))
    say.out().print(
        f"{fault.name} on {fault.on} is on until {ends}; the server acknowledged it, and no canary of ours passes there, so that nobody "
        "proved it",
        markup=False,
        soft_wrap=True,
    )


def on_engine(url: str, allow_remote: list[str]) -> list[dict[str, Any]]:
    """Return what is on our proxies of somebody's server; since when and until when, nobody there knows."""
    from gatebench.execution.foreign import engine_at

    rows = []
    for link, found in engine_at(url, allow_remote).state().items():
        for toxic in found.toxics:
            parameters = {**toxic.attributes, "toxicity": toxic.toxicity}
            rows.append(
                {
                    "id": toxic.name,
                    "name": toxic.type,
                    "on": link,
                    "state": "on",
                    "parameters": parameters,
                    "proven": None,
                }
            )
        if not found.enabled:
            rows.append({"id": "", "name": "link-down", "on": link, "state": "on", "parameters": {}, "proven": None})
    return rows
