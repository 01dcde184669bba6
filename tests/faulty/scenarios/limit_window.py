"""A hundred in windows of two seconds for each key, and one of four tenants asks for 160: what does each window let in?"""

from gatebench import Scenario, check, mixed, phase, poisson, reactive, spike
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=4, prompt_words=5, max_tokens=4),
    load=mixed(
        spike("5/s", "80/s", at="3s", lasting="11s", tenant="tenant-0"),
        *(poisson("8/s", tenant=f"tenant-{number}") for number in range(1, 4)),
    ),
    phases=[phase("baseline", "3s"), phase("flood", "11s")],
    objective={"response_ms": 500},
    reactive=reactive(pace="150/s"),
    target_settings={"limit_algorithm": "fixed-window", "limit_rate": 100, "limit_period": "2s"},
    checks=[
        check("over_admission_requests", at_most=5),  # 2 % of what the flooding tenant gets are ten
        check("over_admission_share", at_most=0.005),  # of 2 %, for at the edges of windows nobody knows
        check("edge_burst", at_most=2.0),
        check("under_admission_requests", at_most=8),
        check("false_rejects", at_most=0),
        check("legitimate_rejected_share", phase="flood", at_most=0.05),
        check("victim_goodput_ratio", phase="flood", at_least=0.8),
        check("fairness_jain", at_least=0.98),
        check("retry_after_honesty", at_least=1.0),
        check("retry_after_bias_s", at_most=0.5),
        check("wrong_answer", at_most=0),
    ],
)
