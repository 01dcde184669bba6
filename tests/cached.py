"""Runs through a simulated gateway with a cache, right or wrong in one way: whole run folders, made without a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatebench.analysis.tables import RunTables, read
from gatebench.plan import Plan
from gatebench.providers import CollectionModel
from gatebench.resource import has_changed
from gatebench.run.folder import RunFolder
from gatebench.sample import CACHE_CLAIMS, CAUSE, COMPLETED, ERROR, NEVER, NO_WORD, OK
from gatebench.traffic import Request, Route
from gatebench.traffic.questions import by_fingerprint
from tests.factory import Writing
from tests.planned import MS, Knobs, S, make_plan
from tests.simulated import Answer, Simulation, Try

COLLECTION = CollectionModel(max_age_s=1, changed=0.5)
POOL = Route(name="chat", tenants=2, prompts=20, prompt_words=4)


@dataclass(frozen=True, kw_only=True)
class CacheKnobs:
    """The cache of the simulated gateway; what is `declared` is what it should do, the rest what it does."""

    declared: dict[str, Any] = field(default_factory=lambda: {"kind": "exact", "ttl": "1s", "scope": "tenant"})
    ttl_s: float = 1.0
    fetch_ms: float = 45.0
    on: bool = True
    coalescing: bool = True
    shared: bool = False
    prints: int = 0  # keys it can tell apart; 0: all
    claim: str = "truth"  # or "hit", "miss", "": what its headers always say
    failing_s: tuple[float, float] = (0.0, 0.0)  # when providers answer 503
    keeps_errors: bool = False
    stamps_errors: bool = True
    by_meaning: str = ""  # "paraphrases": right; "lookalikes": those of a group too
    keeps_private: bool = False
    not_modified: str = "right"  # to conditional reads: or "always", "never"
    refresh_304: bool = False  # an expired entry is found unchanged instead of fetched


@dataclass
class _Entry:
    made: Try
    stored_ns: int


class CachedSimulation(Simulation):
    """Answers each arrival from the cache, from a fetch under way, or by one of its own."""

    def __init__(self, knobs: Knobs, plan: Plan, cache: CacheKnobs) -> None:
        super().__init__(knobs, plan)
        self.cache = cache
        self.entries: dict[object, _Entry] = {}

    def _play(self, arrival: int, due_ns: int) -> Answer:
        cache, request = self.cache, self.traffic.request(arrival)
        sent_ns = due_ns + MS // 10
        key = self._key(request)
        entry = self.entries.get(key)
        usable = cache.on and entry is not None and self._cacheable(request)
        started = sent_ns + MS // 2
        if usable and entry is not None and entry.made.ended_ns > sent_ns and cache.coalescing:
            return self._answer(arrival, due_ns, entry.made, entry.made.ended_ns, "miss")
        fresh = entry is not None and sent_ns - entry.stored_ns < cache.ttl_s * S
        if usable and entry is not None and entry.made.ended_ns <= sent_ns and fresh:
            return self._answer(arrival, due_ns, entry.made, max(sent_ns, entry.stored_ns) + MS, "hit")
        if usable and entry is not None and cache.refresh_304 and entry.made.ended_ns <= sent_ns:
            asked = self._try(arrival, request, started, 304)
            entry.stored_ns = asked.ended_ns
            return self._answer(arrival, due_ns, entry.made, asked.ended_ns, "miss")
        since_s = (sent_ns - self.due_ns[0]) / S
        status = 503 if cache.failing_s[0] <= since_s < cache.failing_s[1] else 200
        made = self._try(arrival, request, started, status)
        if status == 200 or cache.keeps_errors:
            self.entries[key] = _Entry(made, made.ended_ns)
        return self._answer(arrival, due_ns, made, made.ended_ns, "miss")

    def _try(self, arrival: int, request: Request, started_ns: int, status: int) -> Try:
        ended_ns = started_ns + round(self.cache.fetch_ms * MS)
        made = Try(0, arrival, 0, started_ns, ended_ns, COMPLETED, status, fingerprint=request.fingerprint)
        self.tries.append(made)
        return made

    def _cacheable(self, request: Request) -> bool:
        question = by_fingerprint().get(request.fingerprint)
        return self.cache.keeps_private or question is None or question.wording not in ("personal", "timebound")

    def _key(self, request: Request) -> object:
        what = request.fingerprint % self.cache.prints if self.cache.prints else request.fingerprint
        question = by_fingerprint().get(request.fingerprint) if self.cache.by_meaning else None
        if question is not None and question.wording not in ("personal", "timebound"):
            what = question.meaning
            if self.cache.by_meaning == "lookalikes" and what >= 60:
                what = (what - 60) // 3  # the three look-alikes of a group follow each other
        return what if self.cache.shared else (what, request.tenant)

    def _unchanged(self, request: Request) -> bool:
        """Tell whether the client is told that it holds what there is."""
        if b"if-none-match" not in request.headers or self.cache.not_modified == "never":
            return False
        collection, number = request.path.split("/")[2:]
        changed = has_changed(collection, number, COLLECTION.changed)
        return self.cache.not_modified == "always" or not changed

    def _answer(self, arrival: int, due_ns: int, made: Try, ready_ns: int, claim: str) -> Answer:
        request = self.traffic.request(arrival)
        good = made.status == 200
        said = claim if self.cache.claim == "truth" else self.cache.claim
        row = {
            "arrival_id": arrival,
            "kind": 0,
            "lane": 0,
            "phase": 0,
            "route": request.route,
            "tenant": request.tenant,
            "due_ns": due_ns,
            "sent_ns": due_ns + MS // 10,
            "first_byte_ns": ready_ns,
            "first_token_ns": NEVER,
            "done_ns": ready_ns + MS // 2,
            "outcome": OK if good else ERROR,
            "cause": CAUSE["" if good else "status"],
            "status": 304 if good and self._unchanged(request) else made.status,
            "provider": made.provider,
            "service_ns": made.ended_ns - made.arrived_ns,
            "stamp_matches": 3,
            "retry_after_s": NO_WORD["u2"],
            "cache_claim": CACHE_CLAIMS.index(said),
        }
        if not good and not self.cache.stamps_errors:
            return Answer(row | {"provider": NO_WORD["u1"], "stamp_matches": 0}, None)
        return Answer(row, made)


def cached_run(
    root: Path, *, route: Route = POOL, baseline_s: float = 6, rate_per_s: float = 100, **cache: Any
) -> RunTables:
    """Write a run of one phase through the cache that the knobs describe, and read it."""
    turned = CacheKnobs(**cache)
    knobs = Knobs(
        rate_per_s=rate_per_s, warmup_s=0, baseline_s=baseline_s, fault_s=0, recovery_s=0, routes=(route,), series=False
    )
    plan = make_plan(knobs)
    providers = tuple(provider.model_copy(update={"rest": {"items": COLLECTION}}) for provider in plan.providers)
    declared = {"cache": turned.declared} if turned.declared else {}
    plan = plan.model_copy(update={"declared": declared, "providers": providers})
    folder = RunFolder.create(root, plan)
    simulation = CachedSimulation(knobs, plan, turned)
    simulation.run()
    Writing(folder, simulation).write()
    return read(folder)
