"""Five tenants ask for the same thirty prompts: is anybody given what was made for somebody else?"""

from gatebench import Scenario, check, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompts=30, skew=1.0, prompt_words=12, max_tokens=8),
    load=poisson("80/s"),
    phases=[
        phase("warmup", "4s"),
        phase("baseline", "26s"),
    ],
    objective={"response_ms": 500},
    target_settings={"cache": "exact", "cache_ttl": "5s", "cache_scope": "tenant", "cache_coalescing": True},
    needs=("cache",),
    checks=[
        check("cross_tenant_leak", at_most=0),
        check("wrong_hit", at_most=0),
        check("stale_answers", at_most=0),
        check("true_hit_ratio", phase="baseline", at_least=0.4),
        check("requests_lost", at_most=0),
    ],
)
