"""One client API over three providers that speak OpenAI's, Anthropic's and Bedrock's: nobody may notice who answered.

Requests are spread over all three. The answers have to carry the same facts (tokens billed, and billed as made; content in a
stream), and a provider's error has to be the same one to the client whoever gave it.
"""

from gatebench import Scenario, check, fault, phase, poisson, provider
from gatebench.traffic import chat, mix

scenario = Scenario(
    traffic=mix(chat(tenants=5, weight=1), chat(tenants=5, stream=True, usage=True, weight=1)),
    load=poisson("60/s"),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "25s"),
        phase(
            "fault",
            "12s",
            faults=[
                fault("provider-errors", on=name, status=500, probability=0.3)
                for name in ("provider-a", "provider-b", "provider-c")
            ],
        ),
        phase("recovery", "5s"),
    ],
    objective={"response_ms": 1000},
    providers={"provider-a": provider(), "provider-b": provider(), "provider-c": provider()},
    needs=("formats", "weights"),
    target_settings={
        "retries": 0,  # an error of one provider must be seen as what it is, not made up for by another
        "breaker_failures": 1000,
        "breaker_window": "1s",
        "breaker_open": "1s",
        "provider_formats": "provider-b=anthropic,provider-c=bedrock",
        "routing": "weighted",
        "routing_weights": "provider-a=1,provider-b=1,provider-c=1",
    },
    checks=[
        check("shape_differences", at_most=0),
        check("usage_error", at_most=0),
        check("lost_tokens", at_most=0),
        check("silent_truncation", at_most=0),
        check("error_share", phase="baseline", at_most=0.0, estimate="point"),
    ],
)
