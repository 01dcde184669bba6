"""The limiter's shared store is slow, then gone: who gets in meanwhile, how long does everybody wait, and what comes after?"""

from gatebench import Scenario, check, fault, mixed, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=10, max_tokens=4),
    load=mixed(
        poisson("25/s", tenant="tenant-0"),
        *(poisson("4/s", tenant=f"tenant-{number}") for number in range(1, 5)),
    ),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "12s"),
        phase("slow", "8s", role="fault", faults=[fault("latency", on="store", latency=400)]),
        phase("between", "8s", role="recovery"),
        phase("down", "8s", role="fault", faults=[fault("link-down", on="store")]),
        phase("recovery", "12s"),
    ],
    objective={"response_ms": 500},
    target_settings={
        "limit_algorithm": "token-bucket",
        "limit_rate": 10,
        "limit_period": "1s",
        "limit_burst": 20,
        "limit_store": "redis",
        "limit_on_store_fault": "open",
        "limit_store_timeout": "50ms",
    },
    needs=("limit-token-bucket", "limit-redis"),
    checks=[
        check("store_fault_admitted_share", phase="slow", at_least=0.9),  # it fails open, as it declares
        check("store_fault_admitted_share", phase="down", at_least=0.9),
        check("store_fault_p99_ms", phase="slow", at_most=400, estimate="point"),  # some 330 requests bound no p99
        check("store_fault_p99_ms", phase="down", at_most=400, estimate="point"),
        check("over_admission_requests", phase="baseline", at_most=1),
        check("over_admission_after", at_most=21),  # a full bucket, once
        check("error_share", phase="recovery", at_most=0.01, estimate="point"),
        check("wrong_answer", at_most=0),
    ],
)
