"""A provider that answers at once, at the same rate over the same links: what is left is the harness itself."""

from gatebench import Scenario, check, phase, poisson
from gatebench.scenario import LatencyModel
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(prompt_words=10, max_tokens=8),
    load=poisson("500/s"),
    phases=[phase("warmup", "5s"), phase("steady", "40s")],
    providers={"provider-a": LatencyModel(ttft_median_ms=0, token_ms=0)},
    objective={"response_ms": 1000},
    checks=[check("error_share", phase="steady", at_most=0.0, estimate="point")],
)
