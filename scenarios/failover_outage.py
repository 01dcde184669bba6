"""The first provider drops every request for ten seconds; nobody should notice."""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=40),
    load=poisson("200/s"),
    phases=[
        phase("warmup", "3s"),
        phase("baseline", "10s"),
        phase("fault", "10s", faults=[fault("provider-drops", on="provider-a")]),
        phase("recovery", "10s"),
    ],
    objective={"response_ms": 250},
    target_settings={"breaker_window": "2s", "breaker_open": "2s"},
    checks=[
        check("availability", phase="fault", at_least=0.99),  # about 2 000 requests can show that, not 0.9995
        check("failover_time_s", at_most=1.0),
        check("requests_lost", at_most=0),
        check("duplicate_execution", at_most=0),
        check("time_to_recover_s", at_most=2.0),
        check("silent_truncation", at_most=0),
        check("wrong_answer", at_most=0),
    ],
)
