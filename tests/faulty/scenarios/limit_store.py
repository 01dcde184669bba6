"""A limiter whose Redis is slow, then gone, while one of four tenants asks for three times its limit."""

from gatebench import Scenario, check, fault, mixed, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=4, prompt_words=5, max_tokens=4),
    load=mixed(
        poisson("60/s", tenant="tenant-0"),
        *(poisson("10/s", tenant=f"tenant-{number}") for number in range(1, 4)),
    ),
    phases=[
        phase("baseline", "1.5s"),
        phase("slow", "3s", role="fault", faults=[fault("latency", on="store", latency=800)]),
        phase("between", "2s", role="recovery"),
        phase("down", "3s", role="fault", faults=[fault("link-down", on="store")]),
        phase("recovery", "2.5s"),
    ],
    objective={"response_ms": 500},
    target_settings={
        "limit_algorithm": "token-bucket",
        "limit_rate": 20,
        "limit_period": "1s",
        "limit_burst": 10,
        "limit_store": "redis",
        "limit_on_store_fault": "open",
        "limit_store_timeout": "50ms",
        "breaker_window": "300ms",
        "breaker_open": "300ms",
    },
    checks=[
        check("store_fault_admitted_share", phase="slow", at_least=0.9),
        check("store_fault_admitted_share", phase="down", at_least=0.9),
        check("store_fault_p99_ms", phase="slow", at_most=500, estimate="point"),
        check("store_fault_p99_ms", phase="down", at_most=500, estimate="point"),
        check("over_admission_after", phase="slow", at_most=15),  # a full bucket, once, and what nobody knows better
        check("over_admission_after", phase="down", at_most=15),
    ],
)
