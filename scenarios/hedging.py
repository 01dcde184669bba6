"""Three requests in a hundred take half a second longer at the first provider: does asking a second one cut the tail, at a bounded price?

A hedge goes out when the first answer is late, and the slower one is called off. It has to cut the slowest answers, add no more
load than its budget, and leave nothing behind: two completed answers for one request are paid twice.
"""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=20, max_tokens=8),
    load=poisson("80/s"),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "10s"),
        phase("fault", "26s", faults=[fault("slow-first-token", on="provider-a", delay_ms=500, probability=0.03)]),
        phase("recovery", "8s"),
    ],
    objective={"response_ms": 250},
    needs=("hedging",),
    target_settings={"hedge_after": "120ms", "hedge_ratio": 0.2},
    checks=[
        check("hedge_share", phase="fault", at_most=0.1),
        check("hedge_tail_cut_p99", phase="fault", at_least=0.5),
        check("availability", phase="fault", at_least=0.97),
        check("duplicate_execution", at_most=0.001),
        check("tokens_billed_twice", at_most=24),
        check("requests_lost", at_most=0),
    ],
)
