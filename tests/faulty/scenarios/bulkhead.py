"""The first provider takes two seconds: five requests may be with it, and everybody else goes to the other at once."""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=3, prompt_words=5, max_tokens=4),
    load=poisson("60/s"),
    phases=[
        phase("baseline", "3s"),
        phase("fault", "5s", faults=[fault("slow-first-token", on="provider-a", delay_ms=2000)]),
        phase("recovery", "3s"),
    ],
    objective={"response_ms": 500},
    target_settings={
        "bulkhead": 5,
        "breaker_failures": 10000,
        "breaker_window": "100ms",
        "breaker_open": "100ms",
        "request_timeout": "3s",
        "total_timeout": "4s",
    },
    checks=[
        check("tail_inflation_p50", at_most=4.0),
        check("goodput_ratio", at_least=0.6),  # five places of 2 s are two and a half waiting a second, of sixty
    ],
)
