"""The load rises until the target breaks, or until a rate that it should stand: where is the end?"""

from gatebench import Scenario, breakpoint, check, phase
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=40),
    load=breakpoint("20/s", "800/s", stop_when_bad=0.5),
    phases=[
        phase("warmup", "2s"),
        phase("rising", "30s"),
    ],
    objective={"response_ms": 500},
    deadlines={"connect": "1s", "read": "2s", "total": "2s"},
    checks=[
        check("breaking_rate_per_s", at_least=200),
        check("duplicate_execution", at_most=0),
    ],
)
