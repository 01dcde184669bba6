"""The load rises to a rate that every gateway should stand."""

from gatebench import Scenario, breakpoint, check, phase
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=3, prompt_words=5, max_tokens=4),
    load=breakpoint("20/s", "180/s", stop_when_bad=0.5),
    phases=[phase("rising", "8s")],
    objective={"response_ms": 500},
    deadlines={"connect": "1s", "read": "1s", "total": "1s"},
    checks=[check("breaking_rate_per_s", at_least=130)],
)
