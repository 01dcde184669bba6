"""What does the gateway add? Every request goes through it and twice past it, in random order, under the same load."""

from gatebench import Scenario, check, phase, poisson
from gatebench.traffic import chat, mix

scenario = Scenario(
    traffic=mix(
        chat(tenants=5, weight=3),
        chat(tenants=5, stream=True, weight=1),
    ),
    load=poisson("120/s"),  # 40/s on each lane
    lanes=("target", "direct", "null"),
    phases=[
        phase("warmup", "4s"),
        phase("baseline", "32s"),  # about 1 280 of each: a p99 needs 1 000 pairs
    ],
    objective={"response_ms": 500},
    checks=[
        check("error_share", phase="baseline", at_most=0.0, estimate="point"),
        check("overhead_median_ms", phase="baseline", at_most=10.0),
        check("overhead_floor_median_ms", phase="baseline", at_most=1.0),
        check("wrong_answer", at_most=0),
    ],
)
