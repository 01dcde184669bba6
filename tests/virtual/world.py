"""One run in the virtual world: plays a plan, leaves a run folder that analysis reads like any other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from gatebench.execution.chaos.levers.flags import FlagsLever
from gatebench.execution.topology.place import Place
from gatebench.execution.topology.provider_config import provider_config
from gatebench.execution.topology.rendering import Rendering
from gatebench.execution.topology.target_values import target_values
from gatebench.execution.upstream.active import ActiveFaults
from gatebench.execution.upstream.admin import Admin
from gatebench.execution.upstream.application import Application
from gatebench.execution.upstream.config import ProviderConfig
from gatebench.execution.upstream.connection import Connection, Request
from gatebench.execution.upstream.faults.registry import mechanisms
from gatebench.execution.upstream.ledger import Ledger
from gatebench.faults import FLAGS
from gatebench.flags import FLAGS_FILE
from gatebench.plan import Plan, PlannedFault, ProviderPlan
from gatebench.run.folder import Clock as RunClock
from gatebench.run.folder import RunFolder, RunRecord
from gatebench.run.stream import StreamWriter
from gatebench.sample import ATTEMPT
from targets.reference.refgate.app import build
from targets.reference.refgate.config import load_config
from tests.virtual.client import VirtualClient
from tests.virtual.network import Network

_HOST: Final = "127.0.0.1"
_GATEWAY_PORT: Final = 8000
_FIRST_PROVIDER_PORT: Final = 9000
_TOKEN: Final = "virtual-world"
_LEAD_S: Final = 0.1
_GRACE_S: Final = 1.0


class Provider:
    """A simulated provider of the virtual world."""

    def __init__(self, plan: Plan, provider: ProviderPlan, port: int, folder: RunFolder) -> None:
        told = provider_config(plan, provider, Place(_HOST, port), _TOKEN)
        stream = folder.parts / provider.stream_names()[0]
        config = ProviderConfig.model_validate({**told, "stream_path": str(stream), "process": 0, "admin_port": None})
        writer = StreamWriter(ATTEMPT, stream, config.vocabularies, {"provider": config.name})
        self.ledger = Ledger(config.name, writer, config.run, config.first_ordinal, config.processes)
        faults = ActiveFaults(config.seed, config.vocabularies.get("fault", ()), config.processes)
        self._admin = Admin(
            name=config.name,
            token=_TOKEN,
            ledger=self.ledger,
            faults=faults,
            mechanisms=mechanisms(),
            clock=time.monotonic_ns,
        )
        self._application = Application(config, self.ledger, faults, self._admin)
        self.make = partial(Connection, self._application, set())

    def order(self, method: bytes, fault: PlannedFault, body: dict[str, Any] | None) -> dict[str, Any]:
        """Have a fault put on or taken off; return what the provider acknowledges."""
        headers = {b"host": b"127.0.0.1", b"x-gatebench-token": _TOKEN.encode()}
        path = f"/__gatebench__/faults/{fault.id}"
        text = json.dumps(body).encode() if body is not None else b""
        status, said = self._admin.reply(Request(method, path, "", headers, text, time.monotonic_ns(), True, True))
        if status != 200:
            raise RuntimeError(f"{fault.on} refused {fault.name}: {said}")
        return said


class World:
    """Everything between one client and its answers."""

    def __init__(self, plan: Plan, folder: RunFolder) -> None:
        self.plan, self.folder = plan, folder
        self.network = Network(plan.seed)
        Connection.number_from(1, 1)
        self.providers: dict[str, Provider] = {}
        places: dict[str, Place] = {}
        for number, provider in enumerate(plan.providers):
            places[provider.name] = Place(_HOST, _FIRST_PROVIDER_PORT + number)
            self.providers[provider.name] = Provider(plan, provider, places[provider.name].port, folder)
        self._places = places

    async def play(self) -> None:
        """Play the plan from its first arrival to its last answer, and write everything down."""
        self.network.carry_aiohttp()
        for name, provider in self.providers.items():
            self.network.listen(self._places[name].port, provider.make)
        runner = await self._gateway()
        client = VirtualClient(self.plan, self.network, _GATEWAY_PORT, self.folder.parts / "samples-0.arrow")
        t0_ns = time.monotonic_ns() + round(_LEAD_S * 1e9)
        self.folder.event("load.started", t0_ns, t0_ns=t0_ns)
        async with asyncio.TaskGroup() as playing:
            for fault in self.plan.faults:
                playing.create_task(self._fault(fault, t0_ns))
            playing.create_task(client.run(t0_ns))
        await asyncio.sleep(_GRACE_S)
        end_ns = time.monotonic_ns()
        self.folder.event("load.finished", end_ns)
        await runner.cleanup()
        for provider in self.providers.values():
            provider.ledger.close()
        (self.folder.parts / "load-0.json").write_text(json.dumps({"worker": 0, "stopped_ns": None}))
        self._record(t0_ns, end_ns)

    async def _gateway(self) -> web.AppRunner:
        assert self.plan.target.definition is not None
        directory = self.folder.work / "target"
        directory.mkdir(exist_ok=True)
        values = target_values(
            self.plan, directory, Place(_HOST, _GATEWAY_PORT), providers=self._places, stores={}, ports={}
        )
        Rendering(self.plan.target, values).files(directory)
        gateway = build(load_config(directory / "gateway.json"))
        runner = web.AppRunner(gateway.app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        assert runner.server is not None
        self.network.listen(_GATEWAY_PORT, runner.server)
        return runner

    async def _fault(self, fault: PlannedFault, t0_ns: int) -> None:
        """Put one fault on for its window, and write down when."""
        if fault.definition.mechanism == FLAGS:
            await self._flags(fault, t0_ns)
            return
        provider = self.providers[fault.on]
        facts = {"fault": fault.id, "name": fault.name, "on": fault.on}
        body = {
            "mechanism": fault.definition.mechanism,
            "parameters": dict(fault.initial),
            "ttl_ns": fault.end_ns - fault.start_ns + 1_000_000_000,
        }
        await _until(t0_ns + fault.start_ns)
        self.folder.event("fault.requested", time.monotonic_ns(), **facts)
        said = provider.order(b"PUT", fault, body)
        self.folder.event("fault.acknowledged", said["acknowledged_ns"], **facts)
        self.folder.event("fault.proven", time.monotonic_ns(), **facts, fidelity=None)
        for step in fault.steps:
            await _until(t0_ns + step.at_ns)
            provider.order(b"PUT", fault, {**body, "parameters": dict(step.parameters)})
        await _until(t0_ns + fault.end_ns)
        self.folder.event("fault.clear_requested", time.monotonic_ns(), **facts)
        said = provider.order(b"DELETE", fault, None)
        self.folder.event("fault.cleared", said["cleared_ns"], **facts, hits=said["hits"])
        self.folder.event("fault.proven_clear", time.monotonic_ns(), **facts)

    async def _flags(self, fault: PlannedFault, t0_ns: int) -> None:
        """Set the gateway's flags for the window of a fault, and write down when."""
        lever = FlagsLever(fault, self.folder.work / "target" / FLAGS_FILE)
        facts = {"fault": fault.id, "name": fault.name, "on": fault.on}
        await _until(t0_ns + fault.start_ns)
        self.folder.event("fault.requested", time.monotonic_ns(), **facts)
        self.folder.event("fault.acknowledged", lever.apply(0), **facts)
        self.folder.event("fault.proven", time.monotonic_ns(), **facts, fidelity=None)
        await _until(t0_ns + fault.end_ns)
        self.folder.event("fault.clear_requested", time.monotonic_ns(), **facts)
        self.folder.event("fault.cleared", lever.clear().at_ns, **facts)
        self.folder.event("fault.proven_clear", time.monotonic_ns(), **facts)

    def _record(self, t0_ns: int, end_ns: int) -> None:
        clock = RunClock(monotonic_ns=t0_ns, unix_ns=time.time_ns(), load_start_ns=t0_ns, load_end_ns=end_ns)
        record = RunRecord(
            id=self.folder.path.name,
            status="finished",
            created="2026-08-28T12:00:00.000+00:00",
            plan=self.plan,
            command=["virtual"],
            provenance={"engine": {"kind": "embedded", "version": "0"}},
            clock=clock,
        )
        self.folder.save(record)


async def _until(at_ns: int) -> None:
    await asyncio.sleep(max(0.0, (at_ns - time.monotonic_ns()) / 1e9))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the gateway's log to itself."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def play(plan: Plan, root: Path) -> RunFolder:
    """Play a plan in the virtual world of this process (see `tests.virtual.clock`); return the run folder."""
    from tests.virtual.clock import CLOCK
    from tests.virtual.loop import in_virtual_time

    folder = RunFolder.create(root, plan)
    random.seed(f"gateway/{plan.seed}")  # the gateway draws what it draws from Python's own
    with quiet(), asyncio.Runner(loop_factory=in_virtual_time(CLOCK)) as runner:

        async def whole() -> None:
            await World(plan, folder).play()

        runner.run(whole())
    return folder
