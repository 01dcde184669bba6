"""Every request goes through the gateway and twice past it."""

from gatebench import Scenario, check, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=3, prompt_words=5, max_tokens=4),
    load=poisson("90/s"),
    lanes=("target", "direct", "null"),
    phases=[phase("warmup", "1s"), phase("baseline", "7s")],
    objective={"response_ms": 500},
    checks=[
        check("overhead_median_ms", phase="baseline", at_most=12),
        check("overhead_floor_median_ms", phase="baseline", at_most=2),
    ],
)
