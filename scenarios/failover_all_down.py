"""Every provider answers 503: is the answer a clear and quick one, and do retries stay within their budget?

Nothing can be served but what is kept: an older answer, a canned one, or an honest 503 at once. What must not happen is that requests
hang until their deadline, or that everybody retries and the providers come back under a load that they cannot carry.
"""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

DOWN = [fault("provider-errors", on=name, status=503) for name in ("provider-a", "provider-b")]

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=20, max_tokens=8),
    load=poisson("80/s"),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "10s"),
        phase("fault", "12s", faults=DOWN),
        phase("recovery", "22s"),
    ],
    objective={"response_ms": 250},
    target_settings={
        "breaker_failures": 5,
        "breaker_window": "2s",
        "breaker_open": "2s",
        "retry_ratio": 0.1,
        "retry_reserve": 10,
        "fallback": "default",
    },
    checks=[
        check("response_p99_ms", phase="fault", at_most=1000),
        check("timeout_share", phase="fault", at_most=0.01),
        check("ok_share", phase="fault", at_least=0.95, needs=("fallback-default",)),
        check("degraded_share", phase="fault", at_least=0.9, needs=("fallback-default",)),
        check("retry_budget_excess", at_most=0, needs=("retry-budget",)),
        check("amplification", phase="fault", at_most=1.5),
        check("amplification_tail_s", at_most=3.0),
        check("metastable", at_most=0),
        check("time_to_recover_s", at_most=4.0),
    ],
)
