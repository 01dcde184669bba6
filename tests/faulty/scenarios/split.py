"""A tenth of ten thousand requests goes to the second provider.

Beyond chance, 0.3 percentage points are allowed: with none, three hundred seeds at alpha = 0.001 would hold a false alarm.
"""

from gatebench import Scenario, check, phase, poisson, provider
from gatebench.latency import constant
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=3, prompt_words=2, max_tokens=1),
    load=poisson("250/s"),
    phases=[phase("baseline", "40s")],
    objective={"response_ms": 500},
    providers={name: provider(latency=constant(2)) for name in ("provider-a", "provider-b")},
    target_settings={"routing": "weighted", "routing_weights": "provider-a=90,provider-b=10"},
    checks=[
        check("split_beyond_chance", at_most=0.003),
        check("error_share", at_most=0.0, estimate="point"),
    ],
)
