"""Four requests of a key in flight, one tenant asks for twice that, and for three seconds the providers fail."""

from gatebench import LatencyModel, Scenario, check, fault, mixed, phase, poisson, provider, spike
from gatebench.traffic import chat

NAMES = ("provider-a", "provider-b")

scenario = Scenario(
    traffic=chat(tenants=4, prompt_words=5, max_tokens=4),
    load=mixed(
        spike("4/s", "40/s", at="3s", lasting="10s", tenant="tenant-0"),  # of 200 ms each: eight at a time
        *(poisson("6/s", tenant=f"tenant-{number}") for number in range(1, 4)),
    ),
    phases=[
        phase("baseline", "3s"),
        phase("flood", "3s", role="steady"),
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
    checks=[
        check("over_admission_requests", phase="flood", at_most=0),
        check("under_admission_requests", at_most=10),
        check("false_rejects", at_most=0),
        check("wrong_answer", at_most=0),
    ],
)
