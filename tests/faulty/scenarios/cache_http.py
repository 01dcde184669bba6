"""Resources that live for a second, half of which are not what conditional clients hold."""

from gatebench import Scenario, check, phase, poisson, provider
from gatebench.traffic import rest

_ORIGIN = provider(rest={"items": {"max_age_s": 1, "changed": 0.5, "size_bytes": 512, "size_sigma": 0}})

scenario = Scenario(
    traffic=rest(resources=30, skew=1.0, conditional=0.5, tenants=2),
    load=poisson("80/s"),
    phases=[phase("baseline", "8s")],
    objective={"response_ms": 500},
    providers={"provider-a": _ORIGIN, "provider-b": _ORIGIN},
    target_settings={"cache": "http", "cache_scope": "shared"},
    checks=[
        check("false_not_modified", at_most=0),
        check("not_modified_ratio", at_least=0.85),
        check("stale_answers", at_most=0),
        check("wrong_hit", at_most=0),
    ],
)
