"""Copies with a key and copies without one, while everything works and while most executions fail."""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat, mix

scenario = Scenario(
    traffic=mix(
        chat(
            tenants=3,
            prompt_words=5,
            max_tokens=4,
            copies=4,
            idempotency_key=True,
            conflicting=0.3,
            between_tenants=0.3,
            weight=3,
        ),
        chat(tenants=3, prompt_words=5, max_tokens=4, copies=4, name="unkeyed", weight=1),
    ),
    load=poisson("80/s"),
    phases=[
        phase("baseline", "6s"),
        phase(
            "failing",
            "6s",
            role="fault",
            faults=[
                fault("provider-errors", on=name, status=503, probability=0.9) for name in ("provider-a", "provider-b")
            ],
        ),
    ],
    objective={"response_ms": 500},
    target_settings={
        "idempotency": True,
        "dedup_window": "2s",
        "retries": 0,
        "breaker_failures": 1000,
        "breaker_window": "1s",
        "breaker_open": "1s",
    },
    checks=[
        check("executions_per_key", at_most=1),
        check("executions_per_key_max", at_most=1),
        check("replays_differ", at_most=0),
        check("refused_after_answer", at_most=0),
        check("key_reuse_accepted", at_most=0),
        check("replays_across_tenants", at_most=0),
        check("keys_unanswered", phase="baseline", at_most=0),
        check("keys_locked", phase="failing", at_most=0),
        check("executions_per_window", at_most=1),
    ],
)
