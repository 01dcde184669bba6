"""Ten times the load for five seconds: is anybody lost, and how soon is everything as it was before?"""

from gatebench import Scenario, check, phase, spike
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=5, prompt_words=40),
    load=spike("40/s", "400/s", at="12s", lasting="5s"),
    phases=[
        phase("warmup", "2s"),
        phase("baseline", "10s"),
        phase("spike", "5s"),
        phase("after", "10s"),
    ],
    objective={"response_ms": 250},
    checks=[
        check("availability", phase="spike", at_least=0.99),
        check("response_p95_ms", phase="after", at_most=250),
        check("requests_lost", at_most=0),
        check("duplicate_execution", at_most=0),
    ],
)
