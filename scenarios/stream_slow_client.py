"""A few clients read a long stream slowly; the gateway must hold the provider back instead of taking all of it into memory.

The provider writes twenty megabytes as fast as it may, the client reads 64 kB/s of it. What lies between them is in sockets, which the
kernel bounds, or in the gateway, which grows by all of it if it holds nothing back. Meanwhile ordinary requests go on as ever.
"""

from gatebench import Scenario, check, phase, poisson, provider
from gatebench.latency import lognormal
from gatebench.traffic import chat, mix

scenario = Scenario(
    traffic=mix(
        chat(tenants=5, weight=20),
        chat(tenants=5, stream=True, name="slow", max_tokens=60_000, read_rate="64KB/s", weight=1),
    ),
    load=poisson("20/s"),
    phases=[phase("warmup", "2s"), phase("baseline", "20s")],
    objective={"response_ms": 500},
    deadlines={"total": "8s"},
    providers={name: provider(latency=lognormal(token_ms=0.02)) for name in ("provider-a", "provider-b")},
    needs=("streaming",),
    checks=[
        check("memory_growth_mb", at_most=60),  # what is asked for at one time comes to 160
        check("availability", phase="baseline", route="chat", at_least=0.95),
    ],
)
