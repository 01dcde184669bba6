"""The first provider's quota is used up, then both say when to come back: nobody is lost, and nobody is asked before that."""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

LATER = [fault("rate-limited", on=name, retry_after_s=1.0) for name in ("provider-a", "provider-b")]

scenario = Scenario(
    traffic=chat(tenants=3, prompt_words=5, max_tokens=4),
    load=poisson("100/s"),
    phases=[
        phase("baseline", "3s"),
        phase("quota", "3s", role="fault", faults=[fault("quota-exceeded", on="provider-a", retry_after_s=1.0)]),
        phase("back", "3s", role="recovery"),
        phase("both", "3s", role="fault", faults=LATER),
        phase("recovery", "1s"),
    ],
    objective={"response_ms": 500},
    target_settings={
        "breaker_failures": 1000,
        "breaker_window": "100ms",
        "breaker_open": "100ms",
    },  # off: retries are asked about
    checks=[
        check("requests_lost", phase="quota", at_most=0),
        check("failover_time_s", phase="quota", at_most=0.5),
        check("time_to_failback_s", phase="quota", at_most=0.5),
        check("duplicate_execution", at_most=0),
        check("retries_before_retry_after", at_most=0),
    ],
)
