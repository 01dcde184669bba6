"""Questions, paraphrases, look-alikes, and what must not be kept."""

from gatebench import Scenario, check, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(questions=True, skew=0.3, max_tokens=4),
    load=poisson("80/s"),
    phases=[phase("baseline", "18s")],
    objective={"response_ms": 500},
    target_settings={"cache": "semantic", "cache_ttl": "60s", "cache_threshold": 0.9, "cache_scope": "tenant"},
    checks=[
        check("paraphrase_hit_ratio", at_least=0.1),
        check("false_hit_ratio", at_most=0.2),
        check("private_cached", at_most=0),
    ],
)
