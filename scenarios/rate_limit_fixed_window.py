"""Bursts across the edges of fixed windows: twice the limit gets through within a moment, and never more than that."""

from gatebench import Scenario, check, mixed, phase, poisson, reactive, spike
from gatebench.traffic import chat

# Every 1.9 s thirty requests within 150 ms: seen from windows of a second, each burst begins a tenth
# later than the one before, so that some of them straddle the edge of a window wherever the windows lie.
STARTS = [12 + 1.9 * number for number in range(25)]

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=10, max_tokens=4),
    load=mixed(
        *(spike("0.01/s", "200/s", at=f"{start:.1f}s", lasting="150ms", tenant="tenant-0") for start in STARTS),
        *(poisson("3/s", tenant=f"tenant-{number}") for number in range(1, 5)),
    ),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "10s"),
        phase("bursts", "48s"),
    ],
    objective={"response_ms": 500},
    deadlines={"connect": "1s", "read": "1s", "total": "1s"},
    reactive=reactive(),  # one more tenant, which comes back exactly when its Retry-After says
    target_settings={"limit_algorithm": "fixed-window", "limit_rate": 10, "limit_period": "1s"},
    needs=("limit-fixed-window",),
    checks=[
        check("over_admission_requests", at_most=1),
        check("over_admission_share", at_most=0.01),
        check("edge_burst", at_most=2.0),  # the end of one window and the beginning of the next
        check("false_rejects", at_most=0),
        check("under_admission_requests", at_most=5),
        check("legitimate_rejected_share", phase="bursts", at_most=0.05),
        check("retry_after_honesty", at_least=1.0),
        check("retry_after_bias_s", at_most=0.5),
        check("wrong_answer", at_most=0),
    ],
)
