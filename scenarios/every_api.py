"""Every API that a provider speaks, without a fault: chat, messages, embeddings, and resources of a REST origin."""

from gatebench import Scenario, check, phase, poisson, provider
from gatebench.traffic import chat, embeddings, messages, mix, models, rest

scenario = Scenario(
    traffic=mix(
        chat(tenants=3, weight=2),
        chat(tenants=3, stream=True, weight=2),
        messages(tenants=3, weight=2),
        messages(tenants=3, stream=True, weight=2),
        embeddings(tenants=3, batch=4, dimensions=64),
        rest(resources=500, conditional=0.3, weight=3),
        models(),
    ),
    load=poisson("50/s"),
    phases=[
        phase("warmup", "1s"),
        phase("baseline", "5s"),
    ],
    objective={"response_ms": 500},
    providers={"provider-a": provider(processes=2), "provider-b": provider()},
    checks=[
        check("error_share", phase="baseline", at_most=0.0, estimate="point"),
        check("silent_truncation", at_most=0),
        check("wrong_answer", at_most=0),
    ],
)
