"""Long streams that are read slowly."""

from gatebench import Scenario, check, phase, poisson, provider
from gatebench.latency import lognormal
from gatebench.traffic import chat

scenario = Scenario(
    traffic=chat(tenants=3, stream=True, max_tokens=60_000, read_rate="64KB/s"),
    load=poisson("1/s"),
    phases=[phase("baseline", "8s")],
    objective={"response_ms": 5000},
    deadlines={"total": "5s"},
    providers={name: provider(latency=lognormal(token_ms=0.02)) for name in ("provider-a", "provider-b")},
    checks=[check("memory_growth_mb", at_most=50)],
)
