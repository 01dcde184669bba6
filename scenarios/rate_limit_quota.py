"""Three tiers, their daily quotas scaled to 20 s: free 20, pro 100, and one without a limit. Is each quota exact for each tenant?"""

from gatebench import Scenario, check, mixed, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=6, prompt_words=10, max_tokens=4),
    load=mixed(*(poisson("8/s", tenant=f"tenant-{number}") for number in range(6))),
    phases=[
        phase("warmup", "2s"),
        phase("steady", "58s"),
    ],
    objective={"response_ms": 500},
    keys="seeded",
    tiers=("free", "pro", "unlimited"),  # dealt to the six tenants in turn
    target_settings={
        "auth": "keys",
        "limit_algorithm": "fixed-window",
        "limit_rate": 20,
        "limit_period": "20s",
        "limit_tiers": "free=20/20s,pro=100/20s,unlimited",
    },
    needs=("keys", "limit-fixed-window", "limit-tiers"),
    checks=[
        check("quota_error_requests", at_most=2),
        check("over_admission_requests", at_most=1),
        check("false_rejects", at_most=0),
        check("error_share", phase="steady", at_most=0.01, estimate="point"),
        check("wrong_answer", at_most=0),
    ],
)
