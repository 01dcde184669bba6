"""Users stay on their half; flags move two of them, then everybody, and are taken back."""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=120, tenant_skew=0.3, prompt_words=5, max_tokens=4),
    load=poisson("100/s"),
    phases=[
        phase("baseline", "5s"),
        phase(
            "policy",
            "8s",
            faults=[
                fault(
                    "flags-set",
                    on="gateway",
                    tenants=",".join(f"tenant-{number}=provider-{'ab'[number % 2]}" for number in range(6)),
                )
            ],
        ),
        phase("switched", "6s", faults=[fault("flags-set", on="gateway", after="600ms", weights="provider-b=100")]),
        phase("back", "6s", faults=[fault("flags-set", on="gateway", after="600ms", rollback=1)]),
    ],
    objective={"response_ms": 500},
    target_settings={"routing": "sticky", "routing_weights": "provider-a=50,provider-b=50"},
    checks=[
        check("stickiness_violations", at_most=0),
        check("flags_ignored", phase="policy", at_most=0),
        check("flags_followed_s", at_most=2.0),
        check("requests_lost", at_most=0),
    ],
)
