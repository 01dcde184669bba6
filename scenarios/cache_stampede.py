"""A popular answer expires while everybody asks for it: does one request fetch it, or do they all?

Three prompts live for two seconds and take 300 ms to fetch; at 60 requests a second a dozen and more arrive during each fetch. With
coalescing one of them asks the provider and the others wait for its answer: a stampede factor of 1. Without (`--set
cache_coalescing=false`) each of them is a fetch.
"""

from gatebench import LatencyModel, Scenario, check, phase, poisson
from gatebench.traffic import chat

_SLOW = LatencyModel(ttft_median_ms=300)

scenario = Scenario(
    traffic=chat(tenants=1, prompts=3, skew=0.5, prompt_words=12, max_tokens=4),
    load=poisson("60/s"),
    phases=[
        phase("warmup", "3s"),
        phase("baseline", "27s"),
    ],
    objective={"response_ms": 1000},
    providers={"provider-a": _SLOW, "provider-b": _SLOW},
    target_settings={"cache": "exact", "cache_ttl": "2s", "cache_coalescing": True, "cache_scope": "tenant"},
    needs=("cache",),
    checks=[
        check("stampede_factor", at_most=1, needs=("coalescing",)),
        check("coalescing_efficiency", at_least=1.0, needs=("coalescing",)),
        check("stale_answers", at_most=0),
        check("offload", phase="baseline", at_least=0.75),
        check("wrong_hit", at_most=0),
        check("requests_lost", at_most=0),
    ],
)
