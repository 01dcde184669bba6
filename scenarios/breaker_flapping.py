"""The first provider is down for a second and a half out of every three, again and again: does the breaker flutter with it?

Every stretch of the fault may open the breaker once; more is fluttering. Users are served by the other provider throughout, so hardly
any of them should notice how often the first one comes and goes.
"""

from gatebench import Scenario, check, fault, flap, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=20, max_tokens=8),
    load=poisson("80/s"),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "10s"),
        phase("fault", "18s", faults=[fault("provider-errors", on="provider-a", status=503, shape=flap("3s"))]),
        phase("recovery", "20s"),
    ],
    objective={"response_ms": 250},
    needs=("breaker", "failover"),
    target_settings={"breaker_failures": 5, "breaker_window": "1s", "breaker_open": "1s"},
    checks=[
        check("breaker_flaps", at_most=0),
        check("breaker_leak", at_most=0),
        check("false_trips", at_most=0),
        check("retry_ratio", phase="fault", at_most=0.1),
        check("requests_lost", at_most=0),
        check("availability", phase="fault", at_least=0.98),
        check("tail_inflation_p95", at_most=1.5),
        check("time_to_close_s", at_most=2.0),
    ],
)
