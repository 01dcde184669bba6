"""The first provider hangs: does the breaker spare everybody else the timeout, and does half-open mean one request or a herd?

Every attempt costs a whole timeout, so a breaker is worth the most here: the work that it saves is counted. A half-open breaker that
lets everybody through until the first verdict sends a herd into the timeout again, once in each cycle.
"""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=20, max_tokens=8),
    load=poisson("80/s"),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "10s"),
        phase("fault", "14s", faults=[fault("slow-first-token", on="provider-a", delay_ms=2500)]),
        phase("recovery", "22s"),
    ],
    objective={"response_ms": 250},
    needs=("breaker", "failover"),
    target_settings={"breaker_failures": 5, "breaker_window": "2s", "breaker_open": "2s", "request_timeout": "1s"},
    checks=[
        check("time_to_open_s", at_most=2.0),
        check("breaker_leak", at_most=0),
        check("probes_per_cycle", at_least=1),
        check("probes_per_cycle", at_most=3),
        check("open_time_ratio", at_least=0.9),
        check("open_time_ratio", at_most=1.25),
        check("missed_trip", at_most=0),
        check("breaker_flaps", at_most=0),
        check("false_trips", at_most=0),
        check("work_saved_share", at_least=0.8),
        check("requests_lost", at_most=0),
        check("time_to_close_s", at_most=3.5),  # a probe that was under way may take its second before the next
    ],
)
