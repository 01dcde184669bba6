"""Two tenants show keys that the gateway knows and two show keys that it does not: who is served?"""

from pathlib import Path

from gatebench import Scenario, check, mixed, phase, poisson
from gatebench.traffic import chat, mix

KNOWN, UNKNOWN = ("tenant-0", "tenant-1"), ("tenant-2", "tenant-3")

scenario = Scenario(
    traffic=mix(
        chat(name="known", tenants=4, prompt_words=5, max_tokens=4),
        chat(name="unknown", tenants=4, prompt_words=5, max_tokens=4),
    ),
    load=mixed(
        *(poisson("12/s", tenant=tenant, route="known") for tenant in KNOWN),
        *(poisson("12/s", tenant=tenant, route="unknown") for tenant in UNKNOWN),
    ),
    phases=[phase("steady", "8s")],
    objective={"response_ms": 500},
    keys=f"@{Path(__file__).with_name('limit_keys.txt')}",
    target_settings={"auth": "keys"},
    checks=[
        check("ok_share", route="known", at_least=0.9),
        check("ok_share", route="unknown", at_most=0.1),
        check("wrong_answer", at_most=0),
    ],
)
