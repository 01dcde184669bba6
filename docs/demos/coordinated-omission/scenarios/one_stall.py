"""A constant 200/s for twenty seconds against a target that stalls once for two: what do users wait?"""

from gatebench import Scenario, check, constant, phase
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(),
    load=constant("200/s"),
    phases=[phase("steady", "20s")],
    objective={"response_ms": 100},
    checks=[check("response_p99_ms", phase="steady", at_most=3000, estimate="point")],
)
