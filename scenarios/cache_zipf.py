"""Popular prompts come again and again: how many does the cache answer, of those that any cache could, and are all of them right?

Four tenants ask for 150 prompts, the k-th most popular in proportion to 1 / k; every fifty requests one of the prompts is replaced
by a new one. Answers live for five seconds, and the cache holds fewer than there are prompts and tenants. The same sequence is
replayed with LRU and with Belady's MIN, which knows the future: what the gateway reached stands beside what it could have reached.
"""

from gatebench import Scenario, check, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=4, prompts=150, skew=1.0, churn=50, prompt_words=12, max_tokens=8),
    load=poisson("80/s"),
    phases=[
        phase("warmup", "5s"),
        phase("baseline", "35s"),
    ],
    objective={"response_ms": 500},
    target_settings={
        "cache": "exact",
        "cache_ttl": "5s",
        "cache_capacity": 80,
        "cache_coalescing": True,
        "cache_scope": "tenant",
    },
    needs=("cache",),
    checks=[
        check("cache_efficiency", phase="baseline", at_least=0.75),
        check("offload", phase="baseline", at_least=0.35),
        check("hit_p95_ms", phase="baseline", at_most=20),
        check("header_honesty", at_least=1.0),
        check("stale_answers", at_most=0),
        check("wrong_hit", at_most=0),
        check("cross_tenant_leak", at_most=0),
        check("requests_lost", at_most=0),
    ],
)
