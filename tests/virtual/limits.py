"""Plays a limiter for a minute and holds the oracle against what really happened: `python -m tests.virtual.limits ALGORITHM SEED K...`.

Five tenants, one of them floods. For each K the gateway lets exactly K of the flooding tenant's refused requests in, and counts
none of them. Prints one JSON line a K: of each tenant what the gateway decided, what the exact model says of the very
moments of its decisions, and what the oracle found out from outside; of windows also what it finds when it is told where
they lie.
"""

from __future__ import annotations

from tests.virtual.clock import CLOCK

CLOCK.take_over()  # before anything is imported that keeps a clock for itself

import json  # noqa: E402 - after the clock, as all that follows
import sys  # noqa: E402
import tempfile  # noqa: E402
from collections import defaultdict  # noqa: E402
from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, Final, NamedTuple  # noqa: E402

import numpy as np  # noqa: E402

from gatebench.analysis.limited import LimitedKey  # noqa: E402
from gatebench.analysis.metrics import known_metrics  # noqa: E402
from gatebench.analysis.tables import read  # noqa: E402
from gatebench.content import Content  # noqa: E402
from gatebench.execution.asking import RunRequest  # noqa: E402
from gatebench.execution.planning import make_plan  # noqa: E402
from gatebench.oracles.limiter.concurrency import replay_in_flight  # noqa: E402
from gatebench.oracles.limiter.limit import ON_A_GRID, Limit  # noqa: E402
from gatebench.oracles.limiter.model import replay  # noqa: E402
from gatebench.oracles.limiter.over_counter import over_weighted, stretches  # noqa: E402
from gatebench.oracles.limiter.over_window import over_grid  # noqa: E402
from targets.reference.refgate.limits import limit as of_gateway  # noqa: E402
from targets.reference.refgate.limits.memory import MemoryStore  # noqa: E402
from tests.faulty.table import load  # noqa: E402
from tests.faulty.workspace import CORRECT, make  # noqa: E402
from tests.virtual.world import play  # noqa: E402

FLOODING: Final = "tenant-0"
_EVERY: Final = 30
_FLIGHT_NS: Final = 200_000_000
_SCENARIO: Final = '''"""A minute of one limiter, five tenants, and a flood of one of them."""

from gatebench import LatencyModel, Scenario, check, mixed, phase, poisson, provider, spike
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=5, max_tokens=4),
    load=mixed(
        spike("2/s", "30/s", at="10s", lasting="50s", tenant="tenant-0"),
        *(poisson("2/s", tenant=f"tenant-{{number}}") for number in range(1, 5)),
    ),
    phases=[phase("baseline", "10s"), phase("flood", "50s", role="steady")],
    providers={{name: provider(latency=LatencyModel(ttft_median_ms={latency_ms})) for name in ("provider-a", "provider-b")}},
    target_settings={{"limit_algorithm": "{algorithm}", "limit_rate": {rate}, "limit_period": "1s", "limit_burst": 20}},
    objective={{"response_ms": 1000}},
    checks=[check("over_admission_requests", at_most=1)],
)
'''


class Decision(NamedTuple):
    """What the gateway decided, when by its own clock, and when the request was over if its place was given back."""

    at_ns: int
    admitted: bool
    ticket: str


class Watched:
    """Every decision of the gateway by tenant; lets `extra` refused requests in, one in `_EVERY`."""

    def __init__(self, extra: int) -> None:
        self.decisions: defaultdict[str, list[Decision]] = defaultdict(list)
        self.ended: dict[tuple[str, str], int] = {}
        self._left = extra
        self._refused = 0
        self._admit, self._settle = MemoryStore.admit, MemoryStore.settle

    def __enter__(self) -> Watched:
        watched = self

        async def admit(store: MemoryStore, client: str, limit: of_gateway.Limit, cost: int) -> of_gateway.Admission:
            said = await watched._admit(store, client, limit, cost)
            moment = of_gateway.to_us(store._clock()) * 1000
            watched.decisions[client].append(Decision(moment, said.admitted, said.ticket))
            return watched._let_in(client, said)

        async def settle(store: MemoryStore, client: str, limit: of_gateway.Limit, ticket: str, more: int) -> None:
            watched.ended[client, ticket] = of_gateway.to_us(store._clock()) * 1000
            await watched._settle(store, client, limit, ticket, more)

        MemoryStore.admit = admit  # type: ignore[method-assign,assignment]
        MemoryStore.settle = settle  # type: ignore[method-assign,assignment]
        return self

    def __exit__(self, *_: object) -> None:
        MemoryStore.admit, MemoryStore.settle = self._admit, self._settle  # type: ignore[method-assign]

    def _let_in(self, client: str, said: of_gateway.Admission) -> of_gateway.Admission:
        if client != FLOODING or said.admitted:
            return said
        self._refused += 1
        if self._left == 0 or self._refused % _EVERY:
            return said
        self._left -= 1
        return replace(said, admitted=True, ticket="")  # of no place that anybody gives back

    def by_model(self, client: str, limit: Limit) -> list[bool]:
        """Return what the exact model decides at the very moments at which the gateway did."""
        decisions = self.decisions[client]
        at_ns = [decision.at_ns for decision in decisions]
        if limit.algorithm != "concurrency":
            return replay(limit.model(), at_ns)
        over_ns = [
            self.ended.get((client, decision.ticket), decision.at_ns + _FLIGHT_NS)
            if decision.admitted
            else decision.at_ns + _FLIGHT_NS
            for decision in decisions
        ]
        return replay_in_flight(limit.limit, at_ns, over_ns)


def replayed_in_place(key: LimitedKey) -> int:
    """Return how many the exact model admits whose windows lie where the gateway's do: on whole seconds of both clocks."""
    assert key.limit is not None
    if key.limit.algorithm not in ON_A_GRID:
        return int(key.replayed.sum())
    decided = key.spans.where(key.admitted | key.refused)
    return sum(replay(key.limit.model(), np.sort((decided.lo_ns + decided.hi_ns) // 2).tolist()))


def over_in_place(key: LimitedKey) -> float:
    """Return what was admitted beyond the limit, in windows that lie where the gateway's do."""
    assert key.limit is not None
    admitted = key.spans.where(key.admitted)
    if key.limit.algorithm == "fixed-window":
        return float(over_grid(admitted, key.limit.limit, key.limit.period_ns, 0))
    if key.limit.algorithm == "sliding-counter":
        (whole,) = stretches(admitted, key.limit.period_ns * 1000)
        return float(over_weighted(whole, key.limit.limit, key.limit.period_ns, 0))
    return key.over(np.ones(len(key.rows), np.bool_))


def held_against(algorithm: str, seed: int, extra: int, content: Content, runs: Path) -> dict[str, Any]:
    """Play once; return the numbers of each tenant."""
    request = RunRequest(scenario="limited", target=f"reference-{CORRECT}", seed=seed)
    plan = make_plan(request, content, known_metrics()).model_copy(update={"token": f"{seed:08x}"})
    with Watched(extra) as watched:
        keys = read(play(plan, runs)).keys
    tenants = {}
    for name, key in keys.items():
        assert key.limit is not None
        everything = np.ones(len(key.rows), np.bool_)
        by_gateway = [decision.admitted for decision in watched.decisions[name]]
        tenants[name] = {
            "asked": len(by_gateway),
            "admitted": sum(by_gateway) + (extra if name == FLOODING else 0),
            "decided_otherwise_by_the_model": sum(
                ours != theirs for ours, theirs in zip(watched.by_model(name, key.limit), by_gateway, strict=True)
            ),
            "seen_admitted": int(key.admitted.sum()),
            "replayed": int(key.replayed.sum()),
            "replayed_in_place": replayed_in_place(key),
            "over": key.over(everything),
            "over_in_place": over_in_place(key),
            "error": key.error(everything),
            "falsely_refused": int(key.falsely_refused.sum()),
        }
    return {"algorithm": algorithm, "extra": extra, "tenants": tenants}


def main() -> int:
    """Play each, print each."""
    algorithm, seed, extras = sys.argv[1], int(sys.argv[2]), [int(text) for text in sys.argv[3:]]
    with tempfile.TemporaryDirectory(prefix="gatebench-limits-") as name:
        folder = Path(name)
        make(folder, load())
        flights = algorithm == "concurrency"
        text = _SCENARIO.format(algorithm=algorithm, rate=4 if flights else 10, latency_ms=200 if flights else 5)
        (folder / "scenarios" / "limited.py").write_text(text)
        for extra in extras:
            line = json.dumps(held_against(algorithm, seed, extra, Content(folder), folder / "runs"))
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
