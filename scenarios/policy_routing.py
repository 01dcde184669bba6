"""Two of ten tenants are moved to another provider by flags, then everybody, then nobody; the gateway has to follow in time.

A policy says who is served where, and may change at any moment, most of all when it has to be taken back.
"""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=10, prompt_words=10, max_tokens=8),
    load=poisson("100/s"),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "8s"),
        phase(
            "policy",
            "15s",
            faults=[fault("flags-set", on="gateway", tenants="tenant-3=provider-b,tenant-7=provider-b")],
        ),
        phase("switched", "8s", faults=[fault("flags-set", on="gateway", after="600ms", weights="provider-b=100")]),
        phase("back", "6s"),
    ],
    objective={"response_ms": 500},
    needs=("weights", "flags"),
    target_settings={"routing": "weighted", "routing_weights": "provider-a=100"},
    checks=[
        check("flags_ignored", phase="policy", at_most=0),
        check("split_beyond_chance", phase="policy", at_most=0),  # the other eight tenants stay where they were
        check("flags_followed_s", at_most=2.0),
        check("requests_lost", at_most=0),
    ],
)
