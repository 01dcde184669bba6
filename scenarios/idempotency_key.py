"""Every request comes four times under one idempotency key; each is executed once, also when the first try fails.

Four copies of a request arrive within a tenth of a second: some while the first is being executed (409, or they wait), some after
it (the same answer again). A fifth of the keys is used with other bodies, which must be refused; another fifth by two tenants,
each of whom must get an answer of their own. Then both providers fail nine
requests in ten: a failed execution must give its key back, so that the next copy is executed.
"""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=20, copies=4, idempotency_key=True, conflicting=0.2, between_tenants=0.2),
    load=poisson("60/s"),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "20s"),
        phase(
            "fault",
            "12s",
            faults=[
                fault("provider-errors", on="provider-a", status=503, probability=0.9),
                fault("provider-errors", on="provider-b", status=503, probability=0.9),
            ],
        ),
        phase("recovery", "6s"),
    ],
    objective={"response_ms": 500},
    needs=("idempotency",),
    target_settings={
        "idempotency": True,
        "breaker_failures": 1000,
        "breaker_window": "1s",
        "breaker_open": "1s",
        "retries": 0,
    },
    checks=[
        check("executions_per_key", at_most=1),
        check("executions_per_key_max", at_most=1),
        check("replays_differ", at_most=0),
        check("refused_after_answer", at_most=0),
        check("key_reuse_accepted", at_most=0),
        check("replays_across_tenants", at_most=0),
        check("keys_unanswered", phase="baseline", at_most=0),
        check("keys_locked", phase="fault", at_most=0),
    ],
)
