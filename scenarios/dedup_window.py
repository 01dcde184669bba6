"""The same request comes three times within a moment and without any key; within the window it is executed once.

Impatient users and retrying clients send no idempotency keys. A gateway with a deduplication window takes the same body of the
same tenant for the same request; every copy gets the one answer.
"""

from gatebench import Scenario, check, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=20, copies=3),
    load=poisson("60/s"),
    phases=[phase("warmup", "2s"), phase("baseline", "30s")],
    objective={"response_ms": 500},
    needs=("dedup",),
    target_settings={"dedup_window": "2s"},
    checks=[
        check("executions_per_window", at_most=1),
        check("error_share", phase="baseline", at_most=0.0, estimate="point"),
        check("wrong_answer", at_most=0),
    ],
)
