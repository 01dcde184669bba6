"""What a cache spares, by the truth and by its own words: simulated gateways, right and wrong in one way each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gatebench.analysis.caching.truth import HIT, JOINED
from gatebench.analysis.metrics import metrics
from gatebench.analysis.metrics.registry import Measured, RowsMetric, Scope
from gatebench.analysis.tables import RunTables
from gatebench.oracles.cache import FETCH, Lifetime, recent
from gatebench.oracles.cache import HIT as MODEL_HIT
from gatebench.traffic import Route
from tests.cached import POOL, cached_run
from tests.planned import MS, S

Cached = Callable[..., RunTables]
QUESTIONS = Route(name="chat", tenants=1, questions=True, skew=1.0)
REST = Route(kind="rest", name="rest", tenants=1, resources=20, conditional=0.5)
SEMANTIC = {"kind": "semantic", "ttl": "60s", "scope": "tenant"}


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> Cached:
    """Play and read a run once for each set of knobs."""
    kept: dict[str, RunTables] = {}

    def run(**knobs: Any) -> RunTables:
        name = repr(sorted(knobs.items(), key=lambda item: item[0]))
        if name not in kept:
            kept[name] = cached_run(tmp_path_factory.mktemp("runs"), **knobs)
        return kept[name]

    return run


def measured(tables: RunTables, name: str) -> Measured:
    """Return the metric over the whole run."""
    entry = metrics()[name]
    assert isinstance(entry, RowsMetric)
    return entry.function(Scope(tables, tables.load))


def offenders(tables: RunTables, name: str) -> int:
    """Return how many rows show why a check on the metric failed."""
    entry = metrics()[name]
    assert entry.offenders is not None
    return len(entry.offenders(Scope(tables, tables.load)))


def test_a_right_cache_does_what_the_model_does(cached: Cached) -> None:
    """The gateway's truth, read back from stamps, is the exact replay of its own requests: hits, joined and fetched alike."""
    tables = cached()
    rows = tables.load.join(tables.served)
    became = recent(
        rows["key"].to_numpy().tolist(),
        rows["sent_ns"].to_numpy().tolist(),
        Lifetime(S, 45 * MS + MS // 2),
    )
    assert int((became == MODEL_HIT).sum()) == int((rows["truth"] == HIT).sum())
    assert measured(tables, "true_hit_ratio").value == pytest.approx(np.mean(became == MODEL_HIT))
    assert measured(tables, "offload").value == pytest.approx(1 - np.mean(became == FETCH))
    assert measured(tables, "coalesced_ratio").value == pytest.approx(np.mean(rows["truth"] == JOINED))
    efficiency = measured(tables, "cache_efficiency")
    assert efficiency.value == pytest.approx(1.0, abs=0.002)
    assert "Belady's MIN" in efficiency.why
    assert "LRU" in efficiency.why


def test_a_right_cache_is_green(cached: Cached) -> None:
    """Everything that has to be 0 or 1 is."""
    tables = cached()
    for name in ("stale_answers", "staleness_s", "wrong_hit", "cross_tenant_leak"):
        assert (measured(tables, name).status, measured(tables, name).value) == ("known", 0.0), name
    assert measured(tables, "header_honesty").value == 1.0
    assert measured(tables, "stampede_factor").value == 1.0
    assert measured(tables, "coalescing_efficiency").value == 1.0
    assert (measured(tables, "hit_p95_ms").value or 0) < 2.0
    assert measured(tables, "claimed_hit_ratio").value == measured(tables, "true_hit_ratio").value


@pytest.mark.parametrize(
    ("knobs", "name", "red"),
    [
        ({"on": False}, "true_hit_ratio", lambda value: value == 0.0),
        ({"on": False}, "cache_efficiency", lambda value: value == 0.0),
        ({"on": False}, "offload", lambda value: value == 0.0),
        ({"claim": "hit"}, "header_honesty", lambda value: value < 0.9),
        ({"claim": "miss"}, "header_honesty", lambda value: value < 0.5),
        ({"ttl_s": 2.0}, "stale_answers", lambda value: value > 50),
        ({"ttl_s": 2.0}, "staleness_s", lambda value: 0.9 < value < 1.0),
        ({"prints": 5}, "wrong_hit", lambda value: value > 100),
        ({"shared": True}, "cross_tenant_leak", lambda value: value > 100),
        ({"coalescing": False, "fetch_ms": 200.0}, "stampede_factor", lambda value: value >= 3),
        ({"coalescing": False, "fetch_ms": 200.0}, "stampede_factor_p95", lambda value: value >= 2),
        ({"coalescing": False, "fetch_ms": 200.0}, "coalescing_efficiency", lambda value: value < 0.1),
    ],
)
def test_a_wrong_cache_is_red(cached: Cached, knobs: dict[str, Any], name: str, red: Callable[[float], bool]) -> None:
    """Each fault moves the metric that is there for it, and rows show it."""
    found = measured(cached(**knobs), name)
    assert found.status == "known", found.why
    assert red(found.value or 0.0), found
    assert offenders(cached(**knobs), name)


def test_what_is_declared_extends_what_is_allowed(cached: Cached) -> None:
    """Served for 2 s with a TTL of 1 s: allowed with a window of a second more, stale without."""
    waiting, failing = (
        {"kind": "exact", "ttl": "1s", role: "1s"} for role in ("stale_while_revalidate", "stale_if_error")
    )
    assert measured(cached(ttl_s=2.0, declared=waiting), "stale_answers").value == 0.0
    assert measured(cached(ttl_s=2.0, declared=failing, failing_s=(0.5, 6.0)), "stale_answers").value == 0.0
    assert (measured(cached(ttl_s=2.0, declared=failing), "stale_answers").value or 0) > 50  # nothing fails
    jittery = {"kind": "exact", "ttl": "1s", "ttl_jitter": 0.5}
    assert measured(cached(ttl_s=1.45, declared=jittery), "stale_answers").value == 0.0
    assert (measured(cached(ttl_s=1.9, declared=jittery), "stale_answers").value or 0) > 0


def test_errors_that_are_kept(cached: Cached) -> None:
    """A 503 of the second second is answered again for as long as the TTL; without errors there is nothing to keep."""
    right, wrong = (cached(failing_s=(2.0, 3.0), keeps_errors=keeps) for keeps in (False, True))
    assert measured(right, "errors_cached").value == 0.0
    assert (measured(wrong, "errors_cached").value or 0) > 20
    assert offenders(wrong, "errors_cached") > 20
    assert "no provider answered with an error" in measured(cached(), "errors_cached").why


def test_an_error_that_is_still_on_its_way_is_joined_not_kept(cached: Cached) -> None:
    """Whoever comes within a tenth of a second of the provider's end may have joined a fetch that the gateway had not seen end."""
    short, long = (cached(failing_s=(2.0, 3.0), keeps_errors=True, ttl_s=ttl_s) for ttl_s in (0.05, 0.5))
    assert measured(short, "errors_cached").value == 0.0
    assert (measured(long, "errors_cached").value or 0) > 20


def test_errors_that_are_kept_without_a_stamp(cached: Cached) -> None:
    """A gateway that words errors itself gives itself away when others are fetched well and a key is not even asked for."""
    right, wrong = (cached(failing_s=(2.0, 3.0), keeps_errors=keeps, stamps_errors=False) for keeps in (False, True))
    assert measured(right, "errors_cached").value == 0.0
    assert (measured(wrong, "errors_cached").value or 0) > 5
    assert offenders(wrong, "errors_cached") > 5


def test_shared_by_declaration_is_no_leak(cached: Cached) -> None:
    """Where tenants are meant to share, nothing leaks, and the best possible is that of one cache for all."""
    tables = cached(shared=True, declared={"kind": "exact", "ttl": "1s", "scope": "shared"})
    assert "shared by its tenants" in measured(tables, "cross_tenant_leak").why
    assert measured(tables, "cache_efficiency").value == pytest.approx(1.0, abs=0.002)


def test_revalidated_answers_are_neither_hits_nor_stale(cached: Cached) -> None:
    """An entry that the origin found unchanged (304) is young again."""
    tables = cached(refresh_304=True, coalescing=False)
    assert measured(tables, "stale_answers").value == 0.0
    assert measured(tables, "header_honesty").value == 1.0
    ratio, spared = measured(tables, "true_hit_ratio").value, measured(tables, "offload").value
    assert ratio == pytest.approx(spared, abs=0.02)


def test_by_meaning(cached: Cached) -> None:
    """Paraphrases hit and look-alikes do not; a threshold far too low mistakes look-alikes for their group."""
    knobs = {"route": QUESTIONS, "declared": SEMANTIC, "ttl_s": 60.0, "baseline_s": 10}
    exact, right, low = (cached(**knobs, by_meaning=how) for how in ("", "paraphrases", "lookalikes"))
    assert measured(exact, "paraphrase_hit_ratio").value == 0.0
    assert (measured(right, "paraphrase_hit_ratio").value or 0) > 0.95
    assert (measured(right, "false_hit_ratio").value, measured(right, "wrong_hit").value) == (0.0, 0.0)
    assert (measured(low, "false_hit_ratio").value or 0) > 0.5
    assert (measured(low, "wrong_hit").value or 0) > 50
    assert offenders(low, "false_hit_ratio") > 50
    assert offenders(exact, "paraphrase_hit_ratio") > 50
    assert measured(right, "private_cached").value == 0.0


def test_private_prompts(cached: Cached) -> None:
    """Personal and time-bound prompts that come again and are answered from the cache are counted."""
    tables = cached(route=QUESTIONS, declared=SEMANTIC, ttl_s=60.0, baseline_s=10, keeps_private=True)
    assert (measured(tables, "private_cached").value or 0) > 20
    assert offenders(tables, "private_cached") > 20


def test_conditional_reads(cached: Cached) -> None:
    """Who holds the current version is told so; who holds an older one is sent the newer."""
    right, always, never = (cached(route=REST, not_modified=how) for how in ("right", "always", "never"))
    assert (measured(right, "false_not_modified").value, measured(right, "not_modified_ratio").value) == (0.0, 1.0)
    assert (measured(always, "false_not_modified").value or 0) > 50
    assert offenders(always, "false_not_modified") > 50
    assert (measured(never, "false_not_modified").value, measured(never, "not_modified_ratio").value) == (0.0, 0.0)
    assert offenders(never, "not_modified_ratio") > 50


def test_the_origin_says_how_long_a_resource_lives(cached: Cached) -> None:
    """max-age of a second counts for a resource, whatever TTL is declared; served for two it is too old."""
    declared = {"kind": "http", "ttl": "60s"}
    assert measured(cached(route=REST, declared=declared), "stale_answers").value == 0.0
    assert (measured(cached(route=REST, declared=declared, ttl_s=2.0), "stale_answers").value or 0) > 50


@pytest.mark.parametrize(
    ("knobs", "name", "words"),
    [
        ({"route": Route(name="chat")}, "true_hit_ratio", "no route of the traffic asks for anything again"),
        ({"baseline_s": 1, "rate_per_s": 30}, "true_hit_ratio", "it takes 50 requests"),
        ({"declared": {}}, "cache_efficiency", "declares a cache and its TTL"),
        ({"declared": {}}, "stale_answers", "declares the cache's TTL"),
        ({"on": False}, "stale_answers", "it takes 20 answers from a cache"),
        ({"on": False}, "hit_p95_ms", "needs at least 20 rows"),
        ({"claim": ""}, "header_honesty", "headers speak of a cache"),
        ({"claim": ""}, "claimed_hit_ratio", "headers speak of a cache"),
        ({"fetch_ms": 1.0}, "stampede_factor", "it takes 5 expiries"),
        ({}, "false_not_modified", "it takes 20 conditional reads of changed resources"),
        ({}, "not_modified_ratio", "it takes 20 conditional reads of unchanged resources"),
        ({}, "private_cached", "personal or time-bound prompts"),
        ({}, "false_hit_ratio", "it takes 50 answered look-alikes"),
        ({}, "paraphrase_hit_ratio", "it takes 50 paraphrases"),
        ({"route": POOL.model_copy(update={"tenants": 1})}, "cross_tenant_leak", "of one tenant"),
    ],
)
def test_thin_data_is_unknown(cached: Cached, knobs: dict[str, Any], name: str, words: str) -> None:
    """Never 0: the reason in a sentence."""
    found = measured(cached(**knobs), name)
    assert (found.status, found.value) == ("unknown", None)
    assert words in found.why
