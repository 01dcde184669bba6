"""The first provider drops every request for three seconds; nobody should notice."""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=3, prompt_words=10, max_tokens=8),
    load=poisson("100/s"),
    phases=[
        phase("warmup", "1s"),
        phase("baseline", "3s"),
        phase("fault", "3s", faults=[fault("provider-drops", on="provider-a")]),
        phase("recovery", "3s"),
    ],
    objective={"response_ms": 500},
    target_settings={"breaker_window": "500ms", "breaker_open": "500ms"},
    checks=[
        check("availability", phase="fault", at_least=0.95),
        check("requests_lost", at_most=0),
        check("duplicate_execution", at_most=0),
    ],
)
