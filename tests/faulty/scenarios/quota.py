"""The first provider's quota is used up for three seconds: the other answers, and the first is asked again when it is back."""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=3, prompt_words=5, max_tokens=4),
    load=poisson("100/s"),
    phases=[
        phase("baseline", "2s"),
        phase("fault", "3s", faults=[fault("quota-exceeded", on="provider-a", retry_after_s=1.0)]),
        phase("recovery", "4s"),
    ],
    objective={"response_ms": 500},
    target_settings={"breaker_failures": 10, "breaker_window": "500ms", "breaker_open": "1s"},
    checks=[
        check("requests_lost", at_most=0),
        check("rejected_share", at_most=0.05),
        check("duplicate_execution", at_most=0),
        check("failover_time_s", at_most=0.5),
        check("time_to_failback_s", at_most=1.7),
    ],
)
