"""Twenty-four requests at a time where sixteen may be under way: the important ones have to be answered, the others give way."""

from gatebench import LatencyModel, Scenario, check, mixed, phase, poisson, provider
from gatebench.traffic import chat, mix

NAMES = ("provider-a", "provider-b")

scenario = Scenario(
    traffic=mix(
        chat(name="high", tenants=2, prompt_words=5, max_tokens=4, headers={"x-priority": "high"}),
        chat(name="low", tenants=2, prompt_words=5, max_tokens=4, headers={"x-priority": "low"}),
    ),
    load=mixed(poisson("20/s", route="high"), poisson("100/s", route="low")),
    phases=[phase("steady", "7s")],
    objective={"response_ms": 1000},
    providers={name: provider(latency=LatencyModel(ttft_median_ms=200)) for name in NAMES},
    target_settings={"shed_in_flight": 16},
    checks=[
        check("ok_share", route="high", at_least=0.9),
        check("ok_share", route="low", at_least=0.1),
        check("error_share", route="low", at_least=0.2),
        check("wrong_answer", at_most=0),
    ],
)
