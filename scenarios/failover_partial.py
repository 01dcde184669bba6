"""One request in five fails at the first provider, and one in ten it calls wrong: is each failure caught, and no refusal repeated?

A fifth of errors is too few for many a breaker, so requests are saved one by one. A 400 says that the request itself is wrong: it
has to reach the client as it is, and asking again, there or elsewhere, is work that cannot help anybody.
"""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=20, max_tokens=8),
    load=poisson("80/s"),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "10s"),
        phase(
            "errors",
            "14s",
            role="fault",
            faults=[fault("provider-errors", on="provider-a", status=503, probability=0.2)],
        ),
        phase("between", "4s", role="recovery"),
        phase("refusals", "8s", role="fault", faults=[fault("provider-refuses", on="provider-a", probability=0.1)]),
        phase("recovery", "20s"),
    ],
    objective={"response_ms": 250},
    needs=("failover",),
    target_settings={"breaker_failures": 50, "breaker_window": "1s", "breaker_open": "1s"},
    checks=[
        check("requests_lost", phase="errors", at_most=0),
        check("availability", phase="errors", at_least=0.98),
        check("retry_ratio", phase="errors", at_most=0.3),
        check("duplicate_execution", at_most=0),
        check("retries_after_refusal", at_most=0),
        check("false_trips", at_most=0),
        check("wrong_answer", at_most=0),
    ],
)
