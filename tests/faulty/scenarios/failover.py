"""The first provider drops every request for seven seconds and a half: the other has to answer them all, once, and give the place back."""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=3, prompt_words=5, max_tokens=4),
    load=poisson("100/s"),
    phases=[
        phase("baseline", "3s"),
        phase("fault", "7500ms", faults=[fault("provider-drops", on="provider-a")]),
        phase("recovery", "4s"),
    ],
    objective={"response_ms": 500},
    target_settings={"breaker_failures": 10, "breaker_window": "500ms", "breaker_open": "1s"},
    checks=[
        check("requests_lost", at_most=0),
        check("lost_after_failover", at_most=0),
        check("failover_time_s", at_most=0.5),
        check("failover_coverage", at_least=0.95),
        check("wrong_provider", at_most=0),
        check("wrong_answer", at_most=0),
        check("duplicate_execution", at_most=0),
        check("tokens_billed_twice", at_most=0),
        check("time_to_failback_s", at_most=1.7),
    ],
)
