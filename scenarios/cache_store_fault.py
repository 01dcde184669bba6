"""The cache's Redis is slow, then gone, then back: users may lose the cache, never the answer, and get nothing old afterwards."""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=2, prompts=40, skew=1.0, prompt_words=12, max_tokens=4),
    load=poisson("60/s"),
    phases=[
        phase("warmup", "4s"),
        phase("baseline", "10s"),
        phase("slow", "8s", role="fault", faults=[fault("latency", on="store", latency=400)]),
        phase("between", "6s", role="recovery"),
        phase("down", "8s", role="fault", faults=[fault("link-down", on="store")]),
        phase("recovery", "10s"),
    ],
    objective={"response_ms": 300},
    target_settings={
        "cache": "exact",
        "cache_ttl": "4s",
        "cache_scope": "tenant",
        "cache_store": "redis",
        "cache_store_timeout": "50ms",
        "breaker_window": "1s",
        "breaker_open": "1s",
    },
    needs=("cache", "cache-redis"),
    checks=[
        check("true_hit_ratio", phase="baseline", at_least=0.5),
        check("availability", phase="slow", at_least=0.95),
        check("availability", phase="down", at_least=0.95),
        check("true_hit_ratio", phase="recovery", at_least=0.5),
        check("stale_answers", at_most=0),
        check("wrong_hit", at_most=0),
        check("cross_tenant_leak", at_most=0),
        check("refill_burst", at_most=6),
        check("requests_lost", at_most=0),
    ],
)
