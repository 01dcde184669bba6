"""The only provider answers 503 for twelve seconds: does the breaker open in time, refuse at once, ask carefully, and close?

There is nobody to fail over to, so whoever is refused sees it: a fast refusal is what the breaker is for. It has to open after
the failures that it declares, let one probe through when its open time is over, and close with the first probe that succeeds.
"""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=20, max_tokens=8),
    load=poisson("100/s"),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "8s"),
        phase("fault", "12s", faults=[fault("provider-errors", on="provider-a", status=503)]),
        phase("recovery", "18s"),
    ],
    providers={"provider-a": {}},
    objective={"response_ms": 250},
    needs=("breaker",),
    target_settings={"breaker_failures": 5, "breaker_window": "2s", "breaker_open": "2s", "retries": 0},
    checks=[
        check("time_to_open_s", at_most=1.0),
        check("breaker_overshoot", at_most=2.0),
        check("missed_trip", at_most=0),
        check("fast_fail_p99_ms", at_most=200),
        check("breaker_leak", at_most=0),
        check("probes_per_cycle", at_least=1),
        check("probes_per_cycle", at_most=3),
        check("open_time_ratio", at_least=0.9),
        check("open_time_ratio", at_most=1.25),
        check("breaker_flaps", at_most=0),
        check("false_trips", at_most=0),
        check("time_to_close_s", at_most=2.5),
        check("time_to_recover_s", at_most=3.0),
    ],
)
