"""The first provider answers, but takes a second and a half longer: does the breaker count slow answers, and spare the others?

Nothing fails here; a breaker that counts errors alone stays closed, and every request waits. One that counts slow calls opens, the
other provider serves, and when the first is itself again it gets its share back.
"""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=20, max_tokens=8),
    load=poisson("80/s"),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "10s"),
        phase("fault", "14s", faults=[fault("slow-first-token", on="provider-a", delay_ms=1500)]),
        phase("recovery", "22s"),
    ],
    objective={"response_ms": 250},
    needs=("breaker", "failover"),
    target_settings={
        "breaker_failures": 5,
        "breaker_window": "2s",
        "breaker_open": "2s",
        "breaker_slow_call": "400ms",
        "request_timeout": "2500ms",
        "total_timeout": "4s",
    },
    checks=[
        check("time_to_open_s", at_most=2.5),
        check("breaker_leak", at_most=0),
        check("probes_per_cycle", at_least=1),
        check("probes_per_cycle", at_most=3),
        check("open_time_ratio", at_most=1.25),
        check("breaker_flaps", at_most=0),
        check("false_trips", at_most=0),
        check("work_saved_share", at_least=0.8),
        check("requests_lost", at_most=0),
        check("time_to_close_s", at_most=4.5),  # a probe that was under way may take its 1.5 s before the next
        check("time_to_recover_s", at_most=5.0),
    ],
)
