"""A small pure simulation: client, gateway with failover, two providers and one fault, for runs that nobody has to run.

Every sickness that a measurement can have is a knob, so that each finding and each check can be seen to go red.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from gatebench.lanes import block_of, lanes_of
from gatebench.plan import Plan
from gatebench.sample import CAUSE, COMPLETED, DROPPED, ERROR, NEVER, NO_ARRIVAL, NO_WORD, OK, SAMPLE, TIMEOUT, UNSENT
from gatebench.traffic import Generator
from tests.planned import LOAD_START_NS, MS, TOTAL_DEADLINE_NS, Knobs, S

KIND_LOAD, KIND_WARMUP, KIND_CANARY = 0, 1, 2


@dataclass
class Try:
    """One attempt at a provider."""

    provider: int
    arrival: int
    kind: int
    arrived_ns: int
    ended_ns: int
    end: int
    status: int
    fault: int = 0
    number: int = 0
    fingerprint: int = 0
    seen: int = 1


@dataclass
class Answer:
    """One request as its client saw it: the columns of a sample that the simulation decides, by name."""

    row: dict[str, int]
    made_by: Try | None = None


@dataclass
class Breaker:
    """The gateway's view of its first provider: closed, open until some time, or trying one request."""

    failures: int
    open_ns: int
    opened_until_ns: int = 0
    probing: bool = False
    bad: int = 0
    open: bool = False
    known: list[tuple[int, bool]] = field(default_factory=list)

    def allows(self, now_ns: int) -> bool:
        """Tell whether a request at `now_ns` may go to the provider; takes note of results known by then."""
        while self.known and self.known[0][0] <= now_ns:
            at_ns, good = heapq.heappop(self.known)
            self.bad = 0 if good else self.bad + 1
            if self.open and self.probing:
                self.probing = False
                self.open, self.opened_until_ns = not good, at_ns + self.open_ns
            elif not self.open and self.bad >= self.failures:
                self.open, self.opened_until_ns = True, at_ns + self.open_ns
        if not self.open:
            return True
        if now_ns >= self.opened_until_ns and not self.probing:
            self.probing = True
            return True
        return False


class Simulation:
    """Plays one plan through a gateway with failover; everything it makes follows from the knobs."""

    def __init__(self, knobs: Knobs, plan: Plan) -> None:
        self.knobs, self.plan = knobs, plan
        self.random = np.random.default_rng(knobs.seed)
        self.due_ns = plan.schedule().due_ns + LOAD_START_NS
        self.traffic = Generator(plan.traffic, plan.seed)
        self.lanes = lanes_of(np.arange(len(self.due_ns)), len(plan.lanes), plan.seed).tolist()
        self.tries: list[Try] = []
        self.answers: list[Answer] = []
        fault = plan.faults[0] if plan.faults else None
        self.edges_ns = (NEVER, NEVER)
        if fault is not None and knobs.apply:
            self.edges_ns = (LOAD_START_NS + fault.start_ns + 3 * MS, LOAD_START_NS + fault.end_ns + 4 * MS)
        self.breaker = Breaker(knobs.breaker_failures, round(knobs.breaker_open_s * S))

    def run(self) -> None:
        """Play every arrival, then bend rows as the knobs say, then number the attempts."""
        for arrival, due_ns in enumerate(self.due_ns.tolist()):
            self.answers.append(self._play(arrival, due_ns))
        self._bend()
        self._canary_tries()
        by_arrival = sorted(self.tries, key=lambda attempt: attempt.arrived_ns)
        numbers = [0, 0]
        for attempt in by_arrival:
            numbers[attempt.provider] += 1
            attempt.number = numbers[attempt.provider]
        for answer in self.answers:
            if answer.made_by is not None:
                answer.row["attempt"] = answer.made_by.number

    def down(self, provider: int, at_ns: int) -> bool:
        """Tell whether the fault holds at `provider` at that time."""
        fault_on = self.knobs.fault_on == ("provider-a", "provider-b")[provider]
        return fault_on and self.edges_ns[0] <= at_ns < self.edges_ns[1]

    def _latency_ns(self, at_ns: int) -> int:
        knobs = self.knobs
        latency_ms = knobs.latency_ms * float(self.random.lognormal(0.0, knobs.sigma))
        if knobs.sick_after_s and 0 <= at_ns - self.edges_ns[1] < knobs.sick_after_s * S:
            latency_ms += knobs.sick_ms
        return round(latency_ms * MS)

    def _attempt(self, provider: int, arrival: int, kind: int, at_ns: int, mark: int) -> Try:
        """Make one attempt at a provider that gets it at `at_ns`."""
        knobs = self.knobs
        if self.down(provider, at_ns) and knobs.effect == "yes/no":
            ended = at_ns + round(knobs.notice_ms * MS)
            made = Try(provider, arrival, kind, at_ns, ended, DROPPED, 0, fault=1, fingerprint=mark)
        else:
            slower = round(200 * MS * knobs.bite) if self.down(provider, at_ns) else 0
            ended = at_ns + self._latency_ns(at_ns) + slower
            made = Try(provider, arrival, kind, at_ns, ended, COMPLETED, 200, fingerprint=mark)
        self.tries.append(made)
        return made

    def _play(self, arrival: int, due_ns: int) -> Answer:
        knobs = self.knobs
        lane = self.lanes[arrival]
        request = self.traffic.request(block_of(arrival, len(self.plan.lanes)))
        planned = [phase.end_ns for phase in self.plan.phases]
        phase = int(np.searchsorted(planned, due_ns - LOAD_START_NS, side="right"))
        kind = KIND_WARMUP if self.plan.phases[phase].role == "warmup" else KIND_LOAD
        late_ms = 80.0 if self.random.random() < knobs.late_share else 0.0
        sent_ns = due_ns + round((knobs.dispatch_ms * float(self.random.lognormal(0, 0.3)) + late_ms) * MS)
        past = knobs.direct or lane > 0
        order = (1, 0) if self.random.random() < knobs.split else (0, 1)
        now_ns = sent_ns + round(0.4 * MS)
        made: Try | None = None
        for place, provider in enumerate(order):
            if provider == 0 and place == 0 and not past and not self.breaker.allows(now_ns) and knobs.failover:
                continue
            made = self._attempt(provider, arrival, kind, now_ns, request.fingerprint)
            if provider == 0 and not lane:
                heapq.heappush(self.breaker.known, (made.ended_ns, made.end == COMPLETED))
            now_ns = made.ended_ns + round(0.2 * MS)
            if made.end == COMPLETED or not knobs.failover or past:
                break
        assert made is not None
        good = made.end == COMPLETED
        done_ns = now_ns + round(0.2 * MS)
        if len(self.plan.lanes) > 1:
            beyond_ms = knobs.path_ms * float(self.random.lognormal(0, 0.5)) + (0 if past else knobs.gateway_ms)
            done_ns += round(beyond_ms * MS)
        if not good and knobs.hang:
            done_ns = sent_ns + TOTAL_DEADLINE_NS
        row = dict.fromkeys((column.name for column in SAMPLE.columns), 0)
        row |= {
            "arrival_id": arrival,
            "kind": kind,
            "lane": lane,
            "phase": phase,
            "route": request.route,
            "tenant": request.tenant,
            "due_ns": due_ns,
            "sent_ns": sent_ns,
            "first_byte_ns": done_ns - round(0.1 * MS) if good or not knobs.hang else NEVER,
            "first_token_ns": NEVER,
            "done_ns": done_ns,
            "outcome": OK if good else (TIMEOUT if knobs.hang else ERROR),
            "cause": CAUSE[""] if good else CAUSE["total_timeout" if knobs.hang else "status"],
            "status": 200 if good else (0 if knobs.hang else 502),
            "bytes_sent": 480,
            "bytes_received": 690 if good else 120,
            "connection": arrival % 24 + 1,
            "reused": int(arrival >= 24),
            "provider": made.provider if good else NO_WORD["u1"],
            "service_ns": made.ended_ns - made.arrived_ns if good else NEVER,
            "stamp_matches": 3 if good else 0,
        }
        if request.stream and good:
            row |= {
                "first_token_ns": sent_ns + (done_ns - sent_ns) // 2,
                "tokens": 24,
                "terminal": 1,
                "gap_max_us": 2500,
            }
        return Answer(row, made if good else None)

    def _victims(self, count: int, phase: str = "fault", skip: int = 0) -> Iterator[Answer]:
        """Yield `count` good answers of a phase, spread over it; `skip` keeps the knobs off each other's rows."""
        names = [planned.name for planned in self.plan.phases]
        there = [
            answer for answer in self.answers if names[answer.row["phase"]] == phase and answer.row["outcome"] == OK
        ]
        middle = there[len(there) // 4 : len(there) * 3 // 4]
        for number in range(count):
            yield middle[(number * 7 + skip) % len(middle)]

    def _bend(self) -> None:
        knobs = self.knobs
        for answer in [answer for answer in self.answers if answer.row["lane"] and knobs.awful_controls]:
            first = next(made for made in self.tries if made.arrival == answer.row["arrival_id"])
            self.tries += [replace(first), replace(first)]
            self._spoil(answer, ERROR, "status", 503)
            answer.row["done_ns"] = answer.row["sent_ns"] + 4 * S
        for answer in self._victims(knobs.duplicates, skip=1):
            twin = self._attempt(1, answer.row["arrival_id"], answer.row["kind"], answer.row["sent_ns"] + MS, 0)
            twin.end, twin.status = COMPLETED, 200
            if answer.made_by is not None and answer.made_by.provider == 1:
                twin.seen = 2
        for answer in self._victims(knobs.resends, "baseline"):
            again = self._attempt(0, answer.row["arrival_id"], answer.row["kind"], answer.row["sent_ns"] + 2 * MS, 0)
            again.seen = 2
        for answer in self._victims(knobs.lost, knobs.lost_phase, skip=2):
            self._spoil(answer, ERROR, "status", 503)
        for answer in self._victims(knobs.truncated, skip=3):
            self._spoil(answer, ERROR, "truncated", 200)
        for answer in self._victims(knobs.rejected, skip=4):
            self._spoil(answer, 1, "status", 429)
        for answer in self._victims(knobs.wrong_answers, skip=5):
            answer.row["stamp_matches"] = 2
        for answer in self._victims(knobs.ghost_stamps, skip=6):
            answer.made_by, answer.row["attempt"] = None, 3_000_000
        for cause, count in (("generator", knobs.unsent_generator), ("pool", knobs.unsent_pool)):
            for answer in self._victims(count, "baseline", skip=3 + CAUSE[cause]):
                self._unsend(answer, cause)
        for answer in self._victims(knobs.shifted, "baseline", skip=1):
            answer.row["due_ns"] += 30 * MS
            answer.row["sent_ns"] = max(answer.row["sent_ns"], answer.row["due_ns"])
        doubles = [dict(answer.row) for answer in self._victims(knobs.doubled, "baseline", skip=2)]
        gone = {answer.row["arrival_id"] for answer in self._victims(knobs.missing, "baseline", skip=4)}
        self.answers = [answer for answer in self.answers if answer.row["arrival_id"] not in gone]
        self.answers += [Answer(row) for row in doubles]
        for _ in range(knobs.foreign_attempts):
            stranger = self._attempt(0, NO_ARRIVAL, NO_WORD["u1"], LOAD_START_NS + round(knobs.foreign_at_s * S), 0)
            stranger.seen = 0

    @staticmethod
    def _spoil(answer: Answer, outcome: int, cause: str, status: int) -> None:
        answer.made_by = None
        answer.row |= {"outcome": outcome, "cause": CAUSE[cause], "status": status, "terminal": 0}
        answer.row |= {"provider": NO_WORD["u1"], "attempt": 0, "service_ns": NEVER, "stamp_matches": 0}

    def _unsend(self, answer: Answer, cause: str) -> None:
        self._spoil(answer, UNSENT, cause, 0)
        self.tries = [attempt for attempt in self.tries if attempt.arrival != answer.row["arrival_id"]]
        answer.row |= {"sent_ns": NEVER, "first_byte_ns": NEVER, "done_ns": answer.row["due_ns"] + 100 * MS}
        answer.row |= {"bytes_sent": 0, "bytes_received": 0, "connection": 0, "reused": 0}

    def _canary_tries(self) -> None:
        for fault, stage, _, at_ns in self.canaries():
            if stage != "during" and fault in ("provider-a", "provider-b"):
                self._attempt(int(fault == "provider-b"), 0, KIND_CANARY, at_ns, 0)

    def canaries(self) -> Iterator[tuple[str, str, bool, int]]:
        """Yield (where, stage, pooled, time) of every canary."""
        if not (self.plan.faults and self.knobs.canaries and self.knobs.apply):
            return
        t0_ns, t1_ns = self.edges_ns
        for stage, start_ns in (("before", LOAD_START_NS - S), ("during", t0_ns + 2 * MS), ("after", t1_ns + 2 * MS)):
            for number in range(6):
                yield self.knobs.fault_on, stage, number >= 3, start_ns + number * 15 * MS
