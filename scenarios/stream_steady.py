"""Streams at a steady rate: the first token must not be held back, tokens must flow, and none may be lost or repeated.

The providers number their tokens and write down when they wrote the first one, so that what the gateway adds is told from what the
provider took.
"""

from gatebench import Scenario, check, phase, poisson
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, stream=True, usage=True, prompt_words=20, max_tokens=60),
    load=poisson("40/s"),
    phases=[phase("warmup", "3s"), phase("baseline", "40s")],
    objective={"response_ms": 1000},
    needs=("streaming",),
    checks=[
        check("ttft_p99_ms", phase="baseline", at_most=150),
        check("ttft_added_p50_ms", phase="baseline", at_most=15),
        check("stalls_added", phase="baseline", at_most=0.02),
        check("lost_tokens", at_most=0),
        check("duplicate_tokens", at_most=0),
        check("false_endings", at_most=0),
        check("silent_truncation", at_most=0),
        check("unbilled_answers", at_most=0),
    ],
)
