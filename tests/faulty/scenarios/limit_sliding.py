"""A sliding log of ten a second, and bursts across the edges of any window."""

from gatebench import Scenario, check, mixed, phase, poisson, spike
from gatebench.traffic import chat

STARTS = [0.5 + 1.2 * number for number in range(9)]

scenario = Scenario(
    traffic=chat(tenants=2, prompt_words=5, max_tokens=4),
    load=mixed(
        *(spike("0.01/s", "100/s", at=f"{start:.1f}s", lasting="300ms", tenant="tenant-0") for start in STARTS),
        poisson("4/s", tenant="tenant-1"),
    ),
    phases=[
        phase("baseline", "12s"),
    ],
    objective={"response_ms": 500},
    deadlines={"connect": "1s", "read": "1s", "total": "1s"},
    target_settings={"limit_algorithm": "sliding-log", "limit_rate": 10, "limit_period": "1s"},
    needs=("limit-sliding-log",),
    checks=[
        check("over_admission_requests", at_most=1),
        check("edge_burst", at_most=1.0),
    ],
)
