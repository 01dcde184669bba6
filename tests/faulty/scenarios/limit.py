"""A token bucket of fifty a second for each key, and one of five tenants asks for eighty: does anybody get more, or less?"""

from gatebench import Scenario, check, mixed, phase, poisson, spike
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=5, max_tokens=4),
    load=mixed(
        spike("5/s", "80/s", at="4s", lasting="11s", tenant="tenant-0"),
        *(poisson("6/s", tenant=f"tenant-{number}") for number in range(1, 5)),
    ),
    phases=[
        phase("baseline", "4s"),
        phase("flood", "11s"),
    ],
    objective={"response_ms": 500},
    target_settings={"limit_algorithm": "token-bucket", "limit_rate": 50, "limit_period": "1s", "limit_burst": 10},
    needs=("limit-token-bucket",),
    checks=[
        check("over_admission_requests", at_most=5),  # 2 % of what the flooding tenant gets are eleven
        check("over_admission_share", at_most=0.01),
        check("edge_burst", at_most=1.2),
        check("false_rejects", at_most=0),
        check("under_admission_requests", at_most=8),
        check("fairness_jain", at_least=0.98),
        check("legitimate_rejected_share", phase="flood", at_most=0.06),
        check("victim_goodput_ratio", phase="flood", at_least=0.9),
    ],
)
