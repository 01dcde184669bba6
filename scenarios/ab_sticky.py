"""Three hundred users in an A/B test, half on each variant: nobody may see both, and the halves must be halves.

The variant is chosen by a hash of the user. What is counted for the split are users, not requests: the choice is made once for each.
"""

from gatebench import Scenario, check, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=300, prompt_words=10, max_tokens=8),
    load=poisson("100/s"),
    phases=[phase("warmup", "2s"), phase("baseline", "30s")],
    objective={"response_ms": 500},
    needs=("sticky",),
    target_settings={"routing": "sticky", "routing_weights": "provider-a=50,provider-b=50"},
    checks=[
        check("stickiness_violations", at_most=0),
        check("split_beyond_chance", phase="baseline", at_most=0),
        check("error_share", phase="baseline", at_most=0.0, estimate="point"),
    ],
)
