"""The same shop as plain data: no code of the user's own, and every figure that gatebench knows."""

from gatebench import Scenario, check, phase, poisson
from gatebench.traffic import chat, mix, models

scenario = Scenario(
    traffic=mix(
        models(name="browse", weight=1),
        chat(name="buy", weight=3, prompt_words=2, max_tokens=4),
    ),
    load=poisson("40/s"),
    phases=[phase("steady", "10s")],
    objective={"response_ms": 1000},
    checks=[check("error_share", at_most=0, estimate="point")],
)
