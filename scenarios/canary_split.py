"""A new variant gets ten percent, then half, then everything, and is taken back; the split must be what was asked for.

Forty seconds at 90 to 10 tell a split of 12 % from one of 10 %. Then the weights change by flags while the gateway runs, and at last a
rollback: within seconds nobody may be served by the new variant any more.
"""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=20, prompt_words=10, max_tokens=8),
    load=poisson("150/s"),
    phases=[
        phase("warmup", "2s"),
        phase("ten", "40s"),
        phase("half", "7s", faults=[fault("flags-set", on="gateway", weights="provider-a=50,provider-b=50")]),
        phase("all", "7s", faults=[fault("flags-set", on="gateway", after="600ms", weights="provider-b=100")]),
        phase("back", "7s", faults=[fault("flags-set", on="gateway", after="600ms", rollback=1)]),
    ],
    objective={"response_ms": 500},
    needs=("weights", "flags"),
    target_settings={"routing": "weighted", "routing_weights": "provider-a=90,provider-b=10"},
    checks=[
        check("split_beyond_chance", phase="ten", at_most=0),
        check("split_beyond_chance", phase="half", at_most=0),
        check("split_beyond_chance", phase="all", at_most=0),
        check("split_beyond_chance", phase="back", at_most=0),
        check("flags_followed_s", at_most=2.0),
        check("requests_lost", at_most=0),
    ],
)
