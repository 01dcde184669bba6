"""Ten thousand streams whose first token and gaps are drawn and written down where they are made: how wrong are we?"""

from gatebench import Scenario, check, phase, poisson
from gatebench.scenario import LatencyModel
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(stream=True, prompt_words=10, max_tokens=24),
    load=poisson("80/s"),
    phases=[phase("warmup", "5s"), phase("steady", "128s")],
    providers={"provider-a": LatencyModel(ttft_median_ms=20, ttft_sigma=0.6, token_ms=5, token_sigma=0.6)},
    objective={"response_ms": 2000},
    checks=[check("error_share", phase="steady", at_most=0.0, estimate="point")],
)
