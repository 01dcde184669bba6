"""What somebody asked for in workers on other machines: where they join, how many, how long they are waited for."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterator
from typing import Any, Final

from gatebench import guard
from gatebench.execution.asking import Problems, RunRequest
from gatebench.execution.standing import addressed
from gatebench.execution.topology.ports import is_free
from gatebench.plan import TargetPlan
from gatebench.scenario import Scenario
from gatebench.schedule import Trace
from gatebench.units import duration_s

DEFAULT_LISTEN: Final = "127.0.0.1:5557"  # the port of Locust's masters
_MOST: Final = 64


def refuse_workers(request: RunRequest, problems: Problems) -> None:
    """Say what is wrong with --workers, --remote-workers, --listen and --join-within."""
    far = request.remote_workers
    if not 0 <= far <= _MOST:
        problems.say(f"--remote-workers {far}", f"must lie between 0 and {_MOST}.", "One a machine is usual.")
    least = 0 if far > 0 else 1
    if not least <= request.workers <= _MOST:
        problems.say(
            f"--workers {request.workers}", f"must lie between {least} and {_MOST}.", "One worker a core is plenty."
        )
    try:
        if not math.isfinite(duration_s(request.join_within)) or duration_s(request.join_within) < 1:
            raise ValueError("it is shorter than a second")
    except ValueError as error:
        problems.say(f"--join-within {request.join_within}", f"{error}.", "Write for instance 2m.")
    if far <= 0:
        if request.listen is not None:
            problems.say(f"--listen {request.listen}", "nobody is to join there.", "Add --remote-workers 1.")
        return
    _refuse_listen(request, request.listen or DEFAULT_LISTEN, problems)


def _refuse_listen(request: RunRequest, listen: str, problems: Problems) -> None:
    where = f"--listen {listen}"
    host, _, port = listen.rpartition(":")
    try:
        address = ipaddress.IPv4Address(host)
        if not 0 < int(port) < 65_536:
            raise ValueError("that is no port")
    except ValueError:
        problems.say(where, "this is no IPv4 address with a port.", "Write for instance 10.9.0.1:5557.")
        return
    if address.is_unspecified:
        cure = "Name the one address at which the other machine reaches this one."
        problems.say(where, "this would listen on every address of this machine.", cure)
    elif not guard.is_loopback(host) and host not in request.allow_remote:
        problems.say(
            where,
            f"other machines reach {host}: both the workers' port and the link to the target would be open to them.",
            f"If that network is yours, add --allow-remote {host}.",
        )
    elif not is_free(int(port), host):
        problems.say(where, "this machine has no such address, or the port is in use.", "Choose another.")


def refuse_unportable(request: RunRequest, scenario: Scenario, target: TargetPlan, problems: Problems) -> None:
    """Say what of a run stays on this machine, so that a worker elsewhere could not do its share."""
    if not request.remote_workers:
        return
    own = addressed(target).definition
    trust = target.tls or (own.tls if own else None)
    for what, there in (
        ("a trace", isinstance(scenario.load, Trace)),
        ("user code", any(route.kind == "task" for route in scenario.traffic.routes)),
        ("the tenants' keys", scenario.keys is not None),
        ("the CA of the target", trust is not None and trust.ca is not None),
        ("a Unix socket", target.unix is not None),
    ):
        if there:
            cure = "Use workers on this machine: --workers 2 instead of --remote-workers."
            problems.say("--remote-workers", f"{what} does not travel to another machine.", cure)


def workers_plan(request: RunRequest) -> dict[str, Any]:
    """Return what the load's plan says of workers."""
    far = request.remote_workers
    return {
        "workers": request.workers + far,
        "remote_workers": far,
        "listen": (request.listen or DEFAULT_LISTEN) if far else None,
        "join_within_s": duration_s(request.join_within),
    }


def workers_warnings(request: RunRequest) -> Iterator[str]:
    """Yield what somebody should know who opens a port to others."""
    host = (request.listen or DEFAULT_LISTEN).rpartition(":")[0]
    if request.remote_workers and not guard.is_loopback(host):
        yield (
            f"During the run the workers' port and the link to the target listen on {host}: whoever reaches that address can send "
            "requests to the target, and see the load's messages, which are not encrypted. Use a network of your own, or a VPN."
        )
