"""Four requests of a key in flight, and somebody who wants eight."""

from gatebench import LatencyModel, Scenario, check, mixed, phase, poisson, provider
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=2, prompt_words=5, max_tokens=4),
    load=mixed(poisson("40/s", tenant="tenant-0"), poisson("4/s", tenant="tenant-1")),
    phases=[
        phase("baseline", "8s"),
    ],
    objective={"response_ms": 1000},
    providers={"provider-a": provider(latency=LatencyModel(ttft_median_ms=200)), "provider-b": provider()},
    target_settings={"limit_algorithm": "concurrency", "limit_rate": 4},
    needs=("limit-concurrency",),
    checks=[
        check("over_admission_requests", at_most=0),
        check("false_rejects", at_most=0),
    ],
)
