"""The first provider answers 503 to every second request, then both do to all: a canned answer is the last resort, and it comes at once."""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=3, prompt_words=5, max_tokens=4),
    load=poisson("60/s"),
    phases=[
        phase("baseline", "2s"),
        phase(
            "one", "3s", role="fault", faults=[fault("provider-errors", on="provider-a", status=503, probability=0.5)]
        ),
        phase("between", "2s", role="recovery"),
        phase(
            "all",
            "4s",
            role="fault",
            faults=[fault("provider-errors", on=name, status=503) for name in ("provider-a", "provider-b")],
        ),
    ],
    objective={"response_ms": 500},
    deadlines={"total": "2s", "read": "2s"},
    target_settings={"breaker_failures": 22, "breaker_window": "500ms", "breaker_open": "500ms", "fallback": "default"},
    checks=[
        check("degraded_share", phase="one", at_most=0.1),
        check("response_p99_ms", phase="all", at_most=400, estimate="point"),
        check("timeout_share", phase="all", at_most=0.1),
    ],
)
