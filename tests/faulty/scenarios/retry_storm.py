"""The only provider answers 503 for four seconds and is well again: retries within their budget, none left over, and a recovery."""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=3, prompt_words=5, max_tokens=4),
    load=poisson("200/s"),
    providers={"provider-a": {}},
    phases=[
        phase("baseline", "5s"),
        phase("fault", "4s", faults=[fault("provider-errors", on="provider-a", status=503)]),
        phase("recovery", "10s"),
    ],
    objective={"response_ms": 500},
    target_settings={"breaker_failures": 400, "breaker_window": "3s", "breaker_open": "500ms"},
    checks=[
        check("amplification_peak", at_most=1.4),  # the budget allows 1.1, and a reserve of ten in a second of 200
        check("retry_budget_excess", at_most=0),
        check("amplification_tail_s", at_most=1.0),
        check("attempts_after_client_left", at_most=0),
        check("fast_fail_p99_ms", at_most=200, estimate="point"),
        check("fast_fail_p50_ms", at_most=200),
        check("metastable", at_most=0),
        check("time_to_recover_s", at_most=1.4),
        check("time_to_close_s", at_most=1.2),
    ],
)
