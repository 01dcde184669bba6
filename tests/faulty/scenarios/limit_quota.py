"""Quotas by tier in fixed windows, everybody over theirs."""

from gatebench import Scenario, check, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=4, prompt_words=5, max_tokens=4),
    load=poisson("80/s"),
    phases=[
        phase("baseline", "12s"),
    ],
    objective={"response_ms": 500},
    tiers=("free", "pro"),
    keys="seeded",
    target_settings={
        "auth": "keys",
        "limit_algorithm": "fixed-window",
        "limit_rate": 10,
        "limit_period": "1s",
        "limit_tiers": "free=5/1s,pro=10/1s",
    },
    needs=("keys", "limit-fixed-window", "limit-tiers"),
    checks=[
        check("quota_error_requests", at_most=3),
        check("over_admission_requests", at_most=1),
    ],
)
