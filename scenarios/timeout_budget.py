"""The provider hangs, and clients give up after 800 ms, long before the gateway would: does the work stop when the client does?

A gateway that goes on retrying for somebody who has left works for nobody, and keeps providers busy that others need. Attempts have to
be called off when the client goes, and none may begin after that.
"""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=20, max_tokens=8),
    load=poisson("50/s"),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "10s"),
        phase("fault", "10s", faults=[fault("slow-first-token", on="provider-a", delay_ms=3000)]),
        phase("recovery", "10s"),
    ],
    providers={"provider-a": {}},
    objective={"response_ms": 250},
    deadlines={"total": "800ms", "read": "800ms"},
    target_settings={
        "request_timeout": "600ms",
        "total_timeout": "5s",
        "breaker_failures": 10000,
        "breaker_window": "1s",
        "breaker_open": "1s",
        "retries": 4,
    },
    checks=[
        check("attempts_after_client_left", at_most=0),
        check("work_after_leaving", at_most=0),
        check("cancellation_lag_p50_ms", phase="fault", at_most=100),
        check("repeat_ratio", phase="fault", at_most=1.0),
        check("requests_lost", phase="baseline", at_most=0),
    ],
)
