"""A steady checkout: does a change of the gateway make it slower?"""

from gatebench import Scenario, check, phase, poisson
from gatebench.scenario import LatencyModel
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=2, prompt_words=10, max_tokens=8),
    load=poisson("30/s"),
    phases=[phase("warmup", "1s"), phase("steady", "6s")],
    providers={"provider-a": LatencyModel(ttft_median_ms=200, ttft_sigma=0.1, token_ms=0)},
    objective={"response_ms": 1000},
    checks=[
        check("error_share", phase="steady", at_most=0.0, estimate="point"),
        check("wrong_answer", at_most=0),
    ],
)
