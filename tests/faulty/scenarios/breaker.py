"""The first provider answers 503 for five seconds: the breaker has to open in time, ask carefully, and close again."""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=3, prompt_words=5, max_tokens=4),
    load=poisson("100/s"),
    phases=[
        phase("baseline", "3s"),
        phase("fault", "5s", faults=[fault("provider-errors", on="provider-a", status=503)]),
        phase("recovery", "5s"),
    ],
    objective={"response_ms": 500},
    target_settings={"breaker_window": "1s", "breaker_open": "1s", "breaker_failures": 5},
    checks=[
        check("requests_lost", at_most=0),
        check("duplicate_execution", at_most=0),
        check("time_to_failback_s", at_most=2.0),
        check("attempts_on_faulty_provider", at_most=40),
    ],
)
