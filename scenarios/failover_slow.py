"""The first provider takes two seconds longer, and the gateway gives up on it after one: who pays, and is anything done twice?

Requests that were under way when the gateway gave up may be completed by the first provider all the same: they are executed and
billed twice. A gateway that calls its attempts off leaves nothing behind.
"""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=20, max_tokens=8),
    load=poisson("80/s"),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "10s"),
        phase("fault", "12s", faults=[fault("slow-first-token", on="provider-a", delay_ms=2000)]),
        phase("recovery", "20s"),
    ],
    objective={"response_ms": 250},
    needs=("failover",),
    target_settings={"breaker_failures": 5, "breaker_window": "2s", "breaker_open": "2s", "request_timeout": "1s"},
    checks=[
        check("failover_time_s", at_most=2.0),
        check("requests_lost", at_most=0),
        check("lost_after_failover", at_most=0),
        check("duplicate_execution", at_most=0),
        check("tokens_billed_twice", at_most=0),
        check("availability", phase="fault", at_least=0.7),
        check("attempts_after_client_left", at_most=0),
        check("time_to_failback_s", at_most=4.0),
    ],
)
