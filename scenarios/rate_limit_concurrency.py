"""Four requests of a key in flight and no more, while one tenant asks for eight at a time: is anybody let in, or kept out, wrongly?"""

from gatebench import LatencyModel, Scenario, check, mixed, phase, poisson, provider, spike
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=10, max_tokens=4),
    load=mixed(
        spike("2/s", "40/s", at="12s", lasting="30s", tenant="tenant-0"),  # 40/s of 200 ms each are eight at a time
        *(poisson("2/s", tenant=f"tenant-{number}") for number in range(1, 5)),
    ),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "10s"),
        phase("flood", "30s"),
    ],
    objective={"response_ms": 1000},
    providers={name: provider(latency=LatencyModel(ttft_median_ms=200)) for name in ("provider-a", "provider-b")},
    target_settings={"limit_algorithm": "concurrency", "limit_rate": 4},
    needs=("limit-concurrency",),
    checks=[
        check("over_admission_requests", at_most=0),
        check("false_rejects", at_most=0),
        check("legitimate_rejected_share", phase="flood", at_most=0.05),
        check("victim_goodput_ratio", phase="flood", at_least=0.9),
        check("wrong_answer", at_most=0),
    ],
)
