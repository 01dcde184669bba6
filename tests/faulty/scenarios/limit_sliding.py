"""Fifty in any two seconds for each key, and bursts of 120 that lie across the edges of windows, wherever those are."""

from gatebench import Scenario, check, mixed, phase, poisson, reactive, spike
from gatebench.traffic import chat

# 600 ms every 2.4 s: seen from windows of two seconds, each burst begins 400 ms later than the one before, so that one at
# least reaches across the edge of a window, wherever the windows lie.
STARTS = [4 + 2.4 * number for number in range(5)]

scenario = Scenario(
    traffic=chat(tenants=4, prompt_words=5, max_tokens=4),
    load=mixed(
        *(spike("0.4/s", "200/s", at=f"{start:.1f}s", lasting="600ms", tenant="tenant-0") for start in STARTS),
        *(poisson("8/s", tenant=f"tenant-{number}") for number in range(1, 4)),
    ),
    phases=[phase("baseline", "4s"), phase("bursts", "12s")],
    objective={"response_ms": 500},
    reactive=reactive(pace="120/s"),
    target_settings={"limit_algorithm": "sliding-log", "limit_rate": 50, "limit_period": "2s"},
    checks=[
        check("over_admission_requests", at_most=3),  # 2 % are one in each burst
        check("over_admission_share", at_most=0.01),
        check("edge_burst", at_most=1.0),
        check("under_admission_requests", at_most=8),
        check("false_rejects", at_most=0),
        check("legitimate_rejected_share", phase="bursts", at_most=0.05),
        check("victim_goodput_ratio", phase="bursts", at_least=0.8),
        check("fairness_jain", phase="bursts", at_least=0.98),
        check("retry_after_honesty", at_least=1.0),
        check("retry_after_bias_s", at_most=0.5),
        check("wrong_answer", at_most=0),
    ],
)
