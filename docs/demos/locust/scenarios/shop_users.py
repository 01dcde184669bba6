"""The shop's users as an open schedule: who comes does not wait for those who came before."""

from gatebench import Scenario, check, phase, poisson
from gatebench.traffic import user_code

scenario = Scenario(
    traffic=user_code("shop_users.py"),
    load=poisson("40/s"),
    phases=[phase("steady", "10s")],
    objective={"response_ms": 1000},
    checks=[check("error_share", at_most=0, estimate="point")],
)
