"""A worker's share of the schedule."""

from __future__ import annotations

from typing import Any

import pytest

from gatebench.execution.load.arrivals import LOAD, WARMUP, Arrivals
from gatebench.execution.load.flight import Flight
from gatebench.execution.load.wire import Wire
from gatebench.execution.secrets import Secrets
from gatebench.plan import Endpoint, Plan
from gatebench.sample import LANES, TARGET
from gatebench.stamp import find_request_id
from tests.execution.load.plans import load_plan
from tests.planned import S

T0_NS = 77 * S


def make_arrivals(worker: int = 0, **plan: Any) -> Arrivals:
    """Return the arrivals of one worker of a plan."""
    made = load_plan(**plan)
    return Arrivals(made, worker, {TARGET: Wire(Endpoint(authority="test"), made.token, made.request_id, Secrets())})


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_the_shares_are_the_schedule_without_a_hole_or_a_double(workers: int) -> None:
    """Together the workers send every arrival once, each at its own due time, across blocks of the division."""
    plan = load_plan(rate="5000/s", duration_s=2, arrivals="poisson", workers=workers)
    due_ns = plan.schedule().due_ns.tolist()
    assert len(due_ns) > 2 * 4096
    found: dict[int, int] = {}
    for worker in range(workers):
        arrivals = Arrivals(plan, worker, {TARGET: Wire(Endpoint(authority="test"), plan.token, "header", Secrets())})
        flights = list(arrivals.flights(T0_NS))
        assert len(flights) == arrivals.count
        assert all(flight.arrival_id % workers == worker for flight in flights)
        assert not found.keys() & {flight.arrival_id for flight in flights}
        found |= {flight.arrival_id: flight.due_ns - T0_NS for flight in flights}
    assert [found[arrival] for arrival in range(len(due_ns))] == due_ns


def test_phases_and_kinds_follow_the_due_time() -> None:
    """What is due in a warm-up phase is warm-up, in its row and in its id; the edge itself belongs to the next phase."""
    flights = list(make_arrivals(rate="100/s", duration_s=1, warmup_s=0.5).flights(0))
    assert [flight.phase for flight in flights] == [0] * 50 + [1] * 50
    assert [flight.kind for flight in flights] == [WARMUP] * 50 + [LOAD] * 50
    ids = [find_request_id(flight.wire) for flight in flights]
    assert [found.kind for found in ids if found] == [flight.kind for flight in flights]
    assert [found.arrival_id for found in ids if found] == list(range(100))


def test_requests_do_not_depend_on_the_division() -> None:
    """Arrival 5 asks for the same, whichever worker sends it."""
    alone = {flight.arrival_id: flight.wire for flight in make_arrivals(rate="100/s").flights(0)}
    shared = {flight.arrival_id: flight.wire for flight in make_arrivals(worker=2, workers=3, rate="100/s").flights(0)}
    assert shared == {arrival: alone[arrival] for arrival in shared}


def lanes_plan(**plan: Any) -> Plan:
    """Return a plan with a target and its two controls."""
    return load_plan(rate="300/s", arrivals="poisson", **plan).model_copy(update={"lanes": LANES})


def flights_of(plan: Plan, worker: int) -> list[Flight]:
    """Return what one worker sends; each lane has an authority of its own."""
    wires = {
        lane: Wire(Endpoint(authority=name), plan.token, plan.request_id, Secrets()) for lane, name in enumerate(LANES)
    }
    return list(Arrivals(plan, worker, wires).flights(0))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_block_asks_every_lane_for_the_same(workers: int) -> None:
    """The three requests of a block differ in id and lane alone, whichever workers send them; every arrival has one."""
    plan = lanes_plan(workers=workers)
    flights = {flight.arrival_id: flight for worker in range(workers) for flight in flights_of(plan, worker)}
    assert sorted(flights) == list(range(plan.load.scheduled))
    for first in range(0, plan.load.scheduled - 2, 3):
        block = [flights[first + member] for member in range(3)]
        assert sorted(flight.lane for flight in block) == [0, 1, 2]
        assert len({(flight.request.body, flight.request.fingerprint, flight.request.tenant) for flight in block}) == 1
        ids = [find_request_id(flight.wire) for flight in block]
        assert [found.arrival_id for found in ids if found] == [first, first + 1, first + 2]
        assert all(f"host: {LANES[flight.lane]}\r\n".encode() in flight.wire for flight in block)
    prompts = {flight.request.fingerprint for flight in flights.values()}
    assert len(prompts) == -(-plan.load.scheduled // 3)


def test_one_lane_sends_what_it_always_sent() -> None:
    """A plan without controls draws by the arrival itself, all of it for the target."""
    flights = list(make_arrivals(rate="100/s").flights(0))
    assert {flight.lane for flight in flights} == {TARGET}
    assert len({flight.request.fingerprint for flight in flights}) == len(flights)
