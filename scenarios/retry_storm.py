"""The only provider answers 503 to everything for ten seconds, and no breaker helps: do retries pile up, and does it end with the fault?

Without a breaker, what keeps retries from multiplying the load is their budget and their pauses: few, growing, and spread, so that those
who failed together do not come back together. When the provider is well again everything has to be as before, soon.
"""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=20, max_tokens=8),
    load=poisson("80/s"),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "10s"),
        phase("fault", "10s", faults=[fault("provider-errors", on="provider-a", status=503)]),
        phase("recovery", "22s"),
    ],
    providers={"provider-a": {}},
    objective={"response_ms": 250},
    needs=("retries",),
    target_settings={
        "breaker_failures": 10000,
        "breaker_window": "1s",
        "breaker_open": "1s",
        "retries": 2,
        "retry_backoff": "100ms",
        "retry_ratio": 0.1,
        "retry_reserve": 10,
    },
    checks=[
        check("repeat_ratio", phase="fault", at_most=0.15),  # a tenth, and the ten that are saved up
        check("retry_budget_excess", at_most=0, needs=("retry-budget",)),
        check("amplification_peak", at_most=1.5),
        check("retry_jitter", at_least=0.3),
        check("retry_synchrony", at_most=2.0),
        check("attempts_after_client_left", at_most=0),
        check("amplification_tail_s", at_most=2.0),
        check("metastable", at_most=0),
        check("time_to_recover_s", at_most=2.0),
    ],
)
