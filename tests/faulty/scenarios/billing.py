"""Three providers with an API each behind one; some of their answers fail, and somebody else makes up for it."""

from gatebench import Scenario, check, fault, phase, poisson, provider
from gatebench.traffic import chat, mix

NAMES = ("provider-a", "provider-b", "provider-c")

scenario = Scenario(
    traffic=mix(
        chat(tenants=3, prompt_words=5, max_tokens=6, weight=2),
        chat(tenants=3, prompt_words=5, max_tokens=6, stream=True, usage=True, weight=1),
    ),
    load=poisson("80/s"),
    phases=[
        phase("baseline", "6s"),
        phase(
            "failing",
            "5s",
            role="fault",
            faults=[fault("provider-errors", on=name, status=503, probability=0.3) for name in NAMES],
        ),
    ],
    objective={"response_ms": 1000},
    providers={name: provider() for name in NAMES},
    target_settings={
        "provider_formats": "provider-b=anthropic,provider-c=bedrock",
        "routing": "weighted",
        "routing_weights": "provider-a=1,provider-b=1,provider-c=1",
        "breaker_failures": 1000,
        "breaker_window": "1s",
        "breaker_open": "1s",
    },
    checks=[
        check("usage_error", at_most=0),
        check("overbilled_answers", at_most=0),
        check("underbilled_answers", at_most=0),
        check("unbilled_answers", at_most=0),
        check("shape_differences", at_most=0),
        check("undelivered_tokens", at_most=0.01),
        check("wrong_answer", at_most=0),
        check("error_share", phase="baseline", at_most=0.0, estimate="point"),
    ],
)
