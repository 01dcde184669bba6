"""The only provider takes a second and a half, and clients leave after 0.4 s: the work for them has to end when they do."""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=3, prompt_words=5, max_tokens=4),
    load=poisson("40/s"),
    phases=[
        phase("baseline", "2s"),
        phase("fault", "5s", faults=[fault("slow-first-token", on="provider-a", delay_ms=1500)]),
        phase("recovery", "2s"),
    ],
    providers={"provider-a": {}},
    objective={"response_ms": 300},
    deadlines={"total": "400ms", "read": "400ms"},
    target_settings={
        "breaker_failures": 10000,
        "breaker_window": "100ms",
        "breaker_open": "100ms",
        "request_timeout": "3s",
        "total_timeout": "5s",
    },
    checks=[check("cancellation_lag_p50_ms", phase="fault", at_most=200)],
)
