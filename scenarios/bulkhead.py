"""One of two providers hangs, and requests pile up behind it: do they take the places of everybody else?

A bulkhead keeps so many requests with one provider and no more; the next ones go elsewhere at once. Without it each request waits for
the slow one until its timeout, and whoever shares the gateway waits with it.
"""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=20, max_tokens=8),
    load=poisson("60/s"),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "12s"),
        phase("fault", "12s", faults=[fault("slow-first-token", on="provider-a", delay_ms=2000)]),
        phase("recovery", "12s"),
    ],
    objective={"response_ms": 250},
    needs=("bulkhead",),
    target_settings={"bulkhead": 10, "breaker_failures": 10000, "request_timeout": "3s", "total_timeout": "4s"},
    checks=[
        check("availability", phase="fault", at_least=0.85),  # ten places of about 2 s are five waiting a second
        check("tail_inflation_p50", at_most=2.0),
        check("goodput_ratio", at_least=0.85),
        check("requests_lost", at_most=0),
        check("duplicate_execution", at_most=0),
    ],
)
