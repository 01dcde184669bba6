"""Every answer says how many tokens it used; the providers know how many they made. The two have to agree, also under retries.

In the second half the first provider fails every third request: what failed must not be billed, and what nobody got must stay small.
"""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat, embeddings, messages, mix

scenario = Scenario(
    traffic=mix(
        chat(tenants=5, weight=3),
        chat(tenants=5, stream=True, usage=True, weight=3),
        messages(tenants=5, weight=2),
        embeddings(tenants=5, weight=1),
    ),
    load=poisson("60/s"),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "15s"),
        phase("fault", "15s", faults=[fault("provider-errors", on="provider-a", status=503, probability=0.33)]),
        phase("recovery", "5s"),
    ],
    objective={"response_ms": 1000},
    target_settings={"breaker_failures": 1000, "breaker_window": "1s", "breaker_open": "1s"},
    checks=[
        check("usage_error", at_most=0),
        check("overbilled_answers", at_most=0),
        check("underbilled_answers", at_most=0),
        check("unbilled_answers", at_most=0),
        check("undelivered_tokens", at_most=0.01),
        check("requests_lost", at_most=0),
    ],
)
