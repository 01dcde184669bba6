"""For files that `user_code(…)` names: `from gatebench.locust import GatewayUser, task`. Only load processes import it."""

from locust import task

from gatebench.execution.load.gateway_user import GatewayUser

__all__ = ["GatewayUser", "task"]
