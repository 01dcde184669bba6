"""The way to the first provider is gone for ten seconds: connections are refused, live ones closed. Nobody should notice.

The other half of an outage (failover-outage): there the provider takes the request and never answers, here it cannot be reached.
What reaches a provider behind a cut link is nothing, so that nothing can be said of attempts at it; what clients got can.
"""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=40),
    load=poisson("200/s"),
    phases=[
        phase("warmup", "3s"),
        phase("baseline", "10s"),
        phase("fault", "10s", faults=[fault("link-down", on="provider-a")]),
        phase("recovery", "10s"),
    ],
    objective={"response_ms": 250},
    needs=("failover",),
    target_settings={"breaker_window": "2s", "breaker_open": "2s"},
    checks=[
        check("availability", phase="fault", at_least=0.99),
        check("failover_time_s", at_most=1.0),
        check("requests_lost", at_most=0),
        check(
            "duplicate_execution", at_most=0.002
        ),  # whether a POST on its way was executed, nobody knows when the link dies
        check("wrong_provider", at_most=0),
        check("time_to_recover_s", at_most=2.0),
        check("wrong_answer", at_most=0),
    ],
)
