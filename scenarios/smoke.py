"""Five seconds of every kind of request and no fault: does the gateway answer, and do our books balance?"""

from gatebench import Scenario, check, phase, poisson
from gatebench.traffic import chat, mix, models

scenario = Scenario(
    traffic=mix(
        chat(tenants=3, weight=6),
        chat(tenants=3, stream=True, weight=3),
        models(weight=1),
    ),
    load=poisson("50/s"),
    phases=[
        phase("warmup", "1s"),
        phase("baseline", "4s"),
    ],
    objective={"response_ms": 500},
    checks=[
        check("error_share", phase="baseline", at_most=0.0, estimate="point"),
        check("silent_truncation", at_most=0),
        check("wrong_answer", at_most=0),
    ],
)
