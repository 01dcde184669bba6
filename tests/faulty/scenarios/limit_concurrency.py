"""Four requests of a key in flight, somebody who wants eight, and providers that fail for three seconds."""

from gatebench import LatencyModel, Scenario, check, fault, mixed, phase, poisson, provider
from gatebench.traffic import chat

NAMES = ("provider-a", "provider-b")

scenario = Scenario(
    traffic=chat(tenants=2, prompt_words=5, max_tokens=4),
    load=mixed(poisson("40/s", tenant="tenant-0"), poisson("4/s", tenant="tenant-1")),
    phases=[
        phase("baseline", "7s"),
        phase("fault", "3s", faults=[fault("provider-errors", on=name, status=503) for name in NAMES]),
        phase("recovery", "4s"),
    ],
    objective={"response_ms": 1000},
    providers={name: provider(latency=LatencyModel(ttft_median_ms=200)) for name in NAMES},
    target_settings={
        "limit_algorithm": "concurrency",
        "limit_rate": 4,
        "breaker_failures": 1000,
        "breaker_window": "500ms",
        "breaker_open": "500ms",
    },
    needs=("limit-concurrency",),
    checks=[
        check("over_admission_requests", phase="baseline", at_most=0),
        check("under_admission_requests", at_most=10),
        check("false_rejects", at_most=0),
    ],
)
