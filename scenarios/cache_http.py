"""Resources with entity tags and lifetimes, and an origin that fails for eight seconds: does the cache keep to what the origin says?

The origin allows two seconds (max-age), two more while the cache asks again (stale-while-revalidate), and twenty if the origin
fails (stale-if-error). Three readers in ten name the version they hold: who holds the current one is told so with 304, who holds an older
one, as three in ten do, is sent the newer. While both providers answer 503 the cache must go on with what it has.
"""

from gatebench import Scenario, check, fault, phase, poisson, provider
from gatebench.traffic import rest

_ORIGIN = provider(
    rest={
        "items": {
            "max_age_s": 2,
            "stale_while_revalidate_s": 2,
            "stale_if_error_s": 20,
            "changed": 0.3,
            "size_sigma": 0.5,
        }
    }
)

scenario = Scenario(
    traffic=rest(resources=60, skew=1.0, conditional=0.3, tenants=3),
    load=poisson("80/s"),
    phases=[
        phase("warmup", "5s"),
        phase("baseline", "12s"),
        phase(
            "fault",
            "8s",
            faults=[
                fault("provider-errors", on="provider-a", status=503),
                fault("provider-errors", on="provider-b", status=503),
            ],
        ),
        phase("recovery", "12s"),
    ],
    objective={"response_ms": 500},
    providers={"provider-a": _ORIGIN, "provider-b": _ORIGIN},
    target_settings={
        "cache": "http",
        "cache_scope": "shared",
        "cache_coalescing": True,
        "cache_stale_while_revalidate": "2s",
        "cache_stale_if_error": "20s",
        "breaker_window": "1s",
        "breaker_open": "1s",
    },
    needs=("cache-http",),
    checks=[
        check("false_not_modified", at_most=0),
        check("not_modified_ratio", phase="baseline", at_least=0.9),
        check("offload", phase="baseline", at_least=0.5),
        check("stale_answers", at_most=0),
        check("availability", phase="fault", at_least=0.9, needs=("stale-if-error",)),
        check("errors_cached", at_most=0),
        check("wrong_hit", at_most=0),
        check("header_honesty", at_least=0.99),
    ],
)
