"""A slow bucket (one request in two seconds) and a probe that comes back exactly when it is told to."""

from gatebench import Scenario, check, phase, poisson, reactive
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=5, max_tokens=4),
    load=poisson("1/s"),
    phases=[
        phase("baseline", "18s"),
    ],
    objective={"response_ms": 500},
    reactive=reactive(),
    target_settings={"limit_algorithm": "token-bucket", "limit_rate": 5, "limit_period": "10s", "limit_burst": 5},
    needs=("limit-token-bucket",),
    checks=[
        check("retry_after_honesty", at_least=1.0),
        check("retry_after_bias_s", at_most=0.5),
    ],
)
