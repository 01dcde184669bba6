"""The gateway's own way of limiting, ten requests a second for each key, and a flood: does it do what it declares?"""

from gatebench import Scenario, check, mixed, phase, poisson, reactive, spike
from gatebench.traffic import chat

FLOODED = "tenant-0"
OTHERS = [f"tenant-{number}" for number in range(1, 5)]

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=10, max_tokens=4),
    load=mixed(
        spike("4/s", "40/s", at="12s", lasting="48s", tenant=FLOODED),
        *(poisson("4/s", tenant=tenant) for tenant in OTHERS),
    ),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "10s"),
        phase("flood", "48s"),  # 2 % of what is admitted of the flood are ten requests
    ],
    objective={"response_ms": 500},
    reactive=reactive(),  # one more tenant, which comes back exactly when its Retry-After says
    target_settings={"limit_rate": 10, "limit_period": "1s", "limit_burst": 20},
    needs=("limit",),
    checks=[
        check("over_admission_requests", at_most=1),
        check("over_admission_share", at_most=0.01),
        check("edge_burst", at_most=3.0),  # a bucket of twenty: 3, windows: 2, a log: 1
        check("false_rejects", at_most=0),
        check("under_admission_requests", at_most=5),
        check("legitimate_rejected_share", phase="flood", at_most=0.05),
        check("victim_goodput_ratio", phase="flood", at_least=0.9),
        check("fairness_jain", at_least=0.98),
        check("retry_after_honesty", at_least=1.0),
        check("retry_after_bias_s", at_most=0.5),
        check("wrong_answer", at_most=0),
    ],
)
