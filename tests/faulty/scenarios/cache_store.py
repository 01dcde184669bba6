"""A cache in Redis whose link is slow for six seconds."""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=2, prompts=10, skew=1.0, prompt_words=5, max_tokens=4),
    load=poisson("60/s"),
    phases=[
        phase("baseline", "4s"),
        phase("slow", "6s", role="fault", faults=[fault("latency", on="store", latency=1000)]),
        phase("recovery", "5s"),
    ],
    objective={"response_ms": 500},
    deadlines={"connect": "1s", "read": "2s", "total": "2s"},
    target_settings={
        "cache": "exact",
        "cache_ttl": "2s",
        "cache_store": "redis",
        "cache_store_timeout": "50ms",
        "breaker_window": "1s",
        "breaker_open": "1s",
    },
    checks=[
        check("availability", phase="slow", at_least=0.9),
        check("refill_burst", at_most=4),
        check("stale_answers", at_most=0),
    ],
)
