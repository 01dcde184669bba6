"""The first provider takes a second, and the gateway gives up on it after 0.4 s: the breaker asks again, and another one serves."""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=3, prompt_words=5, max_tokens=4),
    load=poisson("80/s"),
    phases=[
        phase("baseline", "3s"),
        phase("fault", "8s", faults=[fault("slow-first-token", on="provider-a", delay_ms=1000)]),
        phase("recovery", "4s"),
    ],
    objective={"response_ms": 300},
    target_settings={
        "breaker_window": "1s",
        "breaker_open": "1s",
        "breaker_failures": 5,
        "request_timeout": "400ms",
        "total_timeout": "3s",
    },
    checks=[
        check("probes_per_cycle", at_most=3),
        check("work_saved_share", at_least=0.8),
        check("breaker_flaps", at_most=0),
        check("breaker_leak", at_most=0),
        check("missed_trip", at_most=0),
        check("false_trips", at_most=0),
        check("requests_lost", at_most=0),
        check("duplicate_execution", at_most=0),
        check("tokens_billed_twice", at_most=0),
        check("time_to_close_s", at_most=2.0),
    ],
)
