"""The first provider's streams die, first before their first token, then in the middle: who is saved, and who is told the truth?

Before the first token nobody has seen anything, so another provider can begin anew and no client notices. In the middle nothing can be
saved honestly: the client has to see that the answer broke off, no token may come twice, and nobody may be billed for two answers.
"""

from gatebench import Scenario, check, fault, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=20, max_tokens=24, stream=True),
    load=poisson("50/s"),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "10s"),
        phase("before", "8s", role="fault", faults=[fault("stream-cut", on="provider-a", after_tokens=0)]),
        phase("between", "6s", role="recovery"),
        phase("middle", "8s", role="fault", faults=[fault("stream-cut", on="provider-a", after_tokens=8)]),
        phase("recovery", "8s"),
    ],
    objective={"response_ms": 1000},
    needs=("failover", "streaming"),
    target_settings={
        "breaker_failures": 200,
        "breaker_window": "1s",
        "breaker_open": "1s",
    },  # each has to be saved by itself
    checks=[
        check("streams_saved", phase="before", at_least=0.97),
        check("requests_lost", phase="before", at_most=0),
        check("silent_truncation", at_most=0),
        check("false_endings", at_most=0),
        check("duplicate_tokens", at_most=0),
        check("lost_tokens", at_most=0),
        check("retries_after_first_byte", phase="middle", at_most=0),
        check("tokens_billed_twice", at_most=0),
    ],
)
