"""The first provider answers 503 for five seconds: the breaker has to open in time, stay open as long as it says, and close again."""

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
    target_settings={"breaker_failures": 10, "breaker_window": "500ms", "breaker_open": "1500ms"},
    checks=[
        check("requests_lost", at_most=0),
        check(
            "tail_inflation_p95", at_most=6.0
        ),  # on a busy machine baselines of three seconds differ by as much as fourfold
        check("failed_over_share", phase="fault", at_most=0.5),
        check("duplicate_execution", at_most=0),
        check("time_to_open_s", at_most=0.5),  # ten failures at 100/s take a tenth of a second
        check("breaker_overshoot", at_most=3.0),
        check("breaker_leak", at_most=0),
        check("open_time_s", at_least=1.4),
        check("open_time_ratio", at_most=1.3),
        check("breaker_flaps", at_most=0),
        check("missed_trip", at_most=0),
        check("false_trips", at_most=0),
        check("time_to_close_s", at_most=2.2),  # the open time, and what a busy machine adds
        check("time_to_failback_s", at_most=2.2),
        check("attempts_on_faulty_provider", at_most=40),
    ],
)
