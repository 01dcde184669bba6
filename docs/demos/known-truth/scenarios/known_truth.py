"""A hundred thousand answers whose service time is drawn from a lognormal and stamped into each: how wrong are we?"""

from gatebench import Scenario, check, phase, poisson
from gatebench.scenario import LatencyModel
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(prompt_words=10, max_tokens=8),
    load=poisson("500/s"),
    phases=[phase("warmup", "5s"), phase("steady", "202s")],
    providers={"provider-a": LatencyModel(ttft_median_ms=20, ttft_sigma=0.6, token_ms=0)},
    objective={"response_ms": 1000},
    checks=[check("error_share", phase="steady", at_most=0.0, estimate="point")],
)
