"""Quotas in tokens by tier, scaled to 20 s: what a gateway admits is held against the tokens that the providers really made."""

from gatebench import Scenario, check, mixed, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=6, prompt_words=10, max_tokens=4),
    load=mixed(*(poisson("5/s", tenant=f"tenant-{number}") for number in range(6))),
    phases=[
        phase("warmup", "2s"),
        phase("steady", "58s"),
    ],
    objective={"response_ms": 500},
    keys="seeded",
    tiers=("free", "pro", "unlimited"),  # dealt to the six tenants in turn
    target_settings={
        "auth": "keys",
        "limit_algorithm": "token-bucket",
        "limit_counts": "tokens",
        "limit_rate": 400,
        "limit_period": "20s",
        "limit_tiers": "free=400/20s,pro=1000/20s,unlimited",
    },
    needs=("keys", "limit-token-bucket", "limit-tiers", "limit-tokens"),
    checks=[
        check("over_admission_requests", at_most=20),  # tokens
        check("over_admission_share", at_most=0.05),
        check("false_rejects", at_most=0),
        check("error_share", phase="steady", at_most=0.01, estimate="point"),
        check("wrong_answer", at_most=0),
    ],
)
