"""The first provider says 429, first because requests come too fast, then because the quota is used up: is it left alone, and nobody hurt?

A rate limit goes away by waiting, and says when (Retry-After); a used-up quota does not. Either way the other provider has to serve, the
first must not be asked again before its time, and no client should see a 429 that was not meant for it.
"""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=20, max_tokens=8),
    load=poisson("80/s"),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "10s"),
        phase("rate", "10s", role="fault", faults=[fault("rate-limited", on="provider-a", retry_after_s=1.0)]),
        phase("between", "8s", role="recovery"),
        phase("quota", "10s", role="fault", faults=[fault("quota-exceeded", on="provider-a")]),
        phase("recovery", "20s"),
    ],
    objective={"response_ms": 250},
    needs=("failover",),
    target_settings={"breaker_failures": 5, "breaker_window": "2s", "breaker_open": "1s"},
    checks=[
        check("failover_time_s", phase="rate", at_most=1.0),
        check("failover_time_s", phase="quota", at_most=1.0),
        check("requests_lost", at_most=0),
        check("rejected_share", at_most=0.005),
        check("lost_after_failover", phase="quota", at_most=0),
        check("useless_retries", at_most=0),
        check("retry_ratio", at_most=0.1),
        check("duplicate_execution", at_most=0),
        check("tokens_billed_twice", at_most=0),
        check("wrong_provider", at_most=0),
        check("time_to_failback_s", phase="quota", at_most=4.0),
    ],
)
