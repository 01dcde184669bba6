"""Finds the lever and the canary of a fault in a topology that stands."""

from __future__ import annotations

from gatebench.execution.chaos.canary import Address, Canary, payload_path
from gatebench.execution.chaos.injector import Switch
from gatebench.execution.chaos.lever import Lever
from gatebench.execution.chaos.levers.flags import FlagsLever
from gatebench.execution.chaos.levers.link_down import LinkDownLever
from gatebench.execution.chaos.levers.process import ProcessLever
from gatebench.execution.chaos.levers.provider import ProviderLever
from gatebench.execution.chaos.levers.toxic import ToxicLever
from gatebench.execution.chaos.watchdog import WatchedLever
from gatebench.execution.topology.supervisor import Supervisor
from gatebench.execution.topology.topology import Topology
from gatebench.faults import FLAGS
from gatebench.flags import FLAGS_FILE
from gatebench.plan import Plan, PlannedFault
from gatebench.scenario import FRONT

_PATH = "/v1/models"


def switch(fault: PlannedFault, plan: Plan, topology: Topology, supervisor: Supervisor) -> Switch:
    """Return the switch of a fault; the topology is up."""
    return Switch(fault, _lever(fault, plan, topology, supervisor), _canary(fault, plan, topology))


def _lever(fault: PlannedFault, plan: Plan, topology: Topology, supervisor: Supervisor) -> Lever:
    engine = topology.engine
    assert engine is not None  # noqa: S101 - the topology is up
    definition = fault.definition
    if definition.layer == "provider":
        return ProviderLever(fault, [place.url for place in topology.admins[fault.on]], topology.admin_token)
    if definition.layer == "process":
        if definition.mechanism == FLAGS:
            return FlagsLever(fault, topology.scratch / FLAGS_FILE)
        return ProcessLever(fault, topology)
    lever = LinkDownLever(fault, engine) if definition.mechanism == "link.down" else ToxicLever(fault, engine)
    if plan.engine.kind == "embedded":
        return lever
    return WatchedLever(lever, fault, f"{engine.url}/proxies/{engine.proxy_name(fault.on)}", supervisor)


def _canary(fault: PlannedFault, plan: Plan, topology: Topology) -> Canary:
    place = topology.links[fault.via]
    headers: tuple[tuple[str, str], ...] = ()
    path = payload_path(fault)
    if path is not None:
        headers = (("x-gatebench-token", topology.admin_token),)
    secure = topology.trust if fault.via == FRONT else None
    if fault.via in topology.stores:
        return Canary(fault, Address(place.host, place.port, _PATH, protocol="redis"), plan.token)
    return Canary(fault, Address(place.host, place.port, path or _PATH, headers, secure), plan.token)
