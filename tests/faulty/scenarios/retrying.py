"""The only provider answers 503, then calls a third of the requests wrong, then tells a third when to come back."""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=3, prompt_words=5, max_tokens=4),
    load=poisson("60/s"),
    phases=[
        phase("baseline", "2s"),
        phase("errors", "3s", role="fault", faults=[fault("provider-errors", on="provider-a", status=503)]),
        phase("refusals", "3s", role="fault", faults=[fault("provider-refuses", on="provider-a", probability=0.4)]),
        phase("told", "4s", role="fault", faults=[fault("rate-limited", on="provider-a", probability=0.4)]),
    ],
    providers={"provider-a": {}},
    objective={"response_ms": 500},
    target_settings={
        "breaker_failures": 10000,
        "breaker_window": "500ms",
        "breaker_open": "500ms",
        "retries": 2,
        "retry_ratio": 0.1,
        "retry_reserve": 10,
        "total_timeout": "3s",
    },
    checks=[
        check("retry_budget_excess", at_most=0),
        check("amplification", phase="errors", at_most=1.6),  # a tenth more, and the ten saved up to each 180
        check("retry_ratio", phase="errors", at_most=0.6),
        check("repeat_ratio", phase="errors", at_most=0.6),
        check("retries_after_refusal", phase="refusals", at_most=0),
        check("retries_before_retry_after", phase="told", at_most=0),
    ],
)
